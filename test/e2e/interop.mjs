// Sign-ins by independent, certified client libraries against a running Parvis.
//   node interop.mjs ISSUER CLIENT_ID SECRET REDIRECT_PORT EMAIL PASSWORD
// The browser's part is done with plain requests, as any browser would do it.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { Jar } from "./lib/jar.mjs";

const [issuer, clientId, secret, redirectUri, email, password] = process.argv.slice(2);
const insecure = issuer.startsWith("http://");

async function withOpenidClient() {
  const config = await client.discovery(new URL(issuer), clientId, secret, undefined, insecure ? { execute: [client.allowInsecureRequests] } : {});
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: "openid email", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const back = await new Jar().signIn(url, { email, password, redirectUri });
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
  const claims = tokens.claims();
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.email, email);
  const end = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token });
  assert.ok(end.href.startsWith(issuer));
  return claims.sub;
}

async function withOauth4webapi() {
  const options = { [oauth.allowInsecureRequests]: insecure };
  const server = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), options));
  const party = { client_id: clientId };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const url = new URL(server.authorization_endpoint);
  for (const [k, v] of Object.entries({
    client_id: clientId, redirect_uri: redirectUri, response_type: "code", scope: "openid email", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  })) url.searchParams.set(k, v);
  const back = await new Jar().signIn(url, { email, password, redirectUri });
  const params = oauth.validateAuthResponse(server, party, back, state);
  const auth = oauth.ClientSecretBasic(secret);
  const answer = await oauth.authorizationCodeGrantRequest(server, party, auth, params, redirectUri, verifier, options);
  const tokens = await oauth.processAuthorizationCodeResponse(server, party, answer, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(server, answer, options);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const info = await oauth.processUserInfoResponse(server, party, claims.sub, await oauth.userInfoRequest(server, party, tokens.access_token, options));
  assert.equal(info.email, email);
  const second = await oauth.authorizationCodeGrantRequest(server, party, auth, params, redirectUri, verifier, options);
  assert.equal(second.status, 400, "a code works once");
  assert.equal((await second.json()).error, "invalid_grant");
  return claims.sub;
}

const a = await withOpenidClient();
console.log(`openid-client ${"6.8.9"}: signed in`);
const b = await withOauth4webapi();
console.log(`oauth4webapi ${"3.8.8"}: signed in`);
assert.equal(a, b, "one person has one subject at one service");

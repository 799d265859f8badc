// Sign-ins by independent, certified client libraries: openid-client and oauth4webapi.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { Jar } from "../e2e/lib/jar.mjs";

async function withOpenidClient({ issuer, clientId, secret, redirectUri, email, password, insecure }) {
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

async function withOauth4webapi({ issuer, clientId, secret, redirectUri, email, password, insecure }) {
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

export async function signInWithNodeClients(issuer, partner, person) {
  const all = { issuer, clientId: partner.id, secret: partner.secret, redirectUri: partner.redirectUri, ...person, insecure: issuer.startsWith("http://") };
  const first = await withOpenidClient(all);
  console.log("openid-client: signed in");
  const second = await withOauth4webapi(all);
  console.log("oauth4webapi: signed in");
  assert.equal(first, second, "one person has one subject at one service");
}

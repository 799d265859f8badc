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
  assert.deepEqual([claims.iss, claims.aud, claims.nonce], [issuer, clientId, nonce]);
  assert.ok(claims.acr && claims.sid && claims.auth_time <= claims.iat && claims.exp > claims.iat, JSON.stringify(claims));

  // What is refused reaches the library as it must.
  const refused = (error) => (e) => e.error === error;
  const again = async (jar, more, forms = {}) => {
    const step = await jar.walk(client.buildAuthorizationUrl(config, { ...Object.fromEntries(url.searchParams), ...more }), { email, password, stop: redirectUri, forms });
    return client.authorizationCodeGrant(config, step.url, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce });
  };
  await assert.rejects(again(new Jar(), { prompt: "none" }), refused("login_required"));
  await assert.rejects(again(new Jar(), { prompt: "consent" }, { consent: { choice: "deny" } }), refused("access_denied"));
  await assert.rejects(again(new Jar(), { claims: JSON.stringify({ id_token: { acr: { essential: true, value: "urn:example:unknown" } } }) }), refused("unmet_authentication_requirements"));
  await assert.rejects(client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }), refused("invalid_grant"), "a code works once");
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, claims.sub), (e) => e.status === 401, "and a second time ends what it gave");
  const wrong = await client.discovery(new URL(issuer), clientId, `${secret}-wrong`, undefined, insecure ? { execute: [client.allowInsecureRequests] } : {});
  await assert.rejects(client.tokenIntrospection(wrong, tokens.access_token), (e) => e.error === "invalid_client" || e.status === 401);
  const elsewhere = await new Jar().follow(client.buildAuthorizationUrl(config, { ...Object.fromEntries(url.searchParams), redirect_uri: `${redirectUri}/other` }));
  assert.equal(elsewhere.answer.status, 400, "an address that is not registered is a page of ours");
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

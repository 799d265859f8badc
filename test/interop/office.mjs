// What a service does after the sign-in, with openid-client: refresh, exchange, tokens for itself, introspection,
// revocation, signing out and being told of it, and registering by itself.
import assert from "node:assert/strict";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { Jar } from "../e2e/lib/jar.mjs";

const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";
const maps = "https://maps.example.org/api";
const secret = "an-interop-secret-of-more-than-32-characters";
const open = { execute: [client.allowInsecureRequests] };
const refusedAs = (error) => (e) => e.error === error;

async function signIn(config, jar, person, redirectUri, more = {}) {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: "openid email offline_access", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  });
  const back = await jar.signIn(url, { ...person, redirectUri });
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
}

async function refreshed(config, tokens) {
  const first = tokens.claims();
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  const claims = next.claims();
  for (const name of ["sub", "sid", "auth_time", "acr"]) assert.equal(claims[name], first[name], name);
  assert.equal(claims.nonce, undefined);
  assert.equal(next.refresh_token, tokens.refresh_token, "a confidential client keeps its refresh token");
  const less = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: "openid" });
  assert.equal(less.scope, "openid");
  assert.equal((await client.fetchUserInfo(config, less.access_token, first.sub)).email, undefined);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token, { scope: "openid profile" }), refusedAs("invalid_scope"));
  return next;
}

// A token for another resource (RFC 8693), and what the resource makes of it (RFC 9068).
async function exchanged(config, tokens) {
  const got = await client.genericGrantRequest(config, exchange, { subject_token: tokens.access_token, subject_token_type: accessToken, resource: maps });
  assert.equal(got.issued_token_type, accessToken);
  const asked = new Request(maps, { headers: { authorization: `Bearer ${got.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(config.serverMetadata(), asked, maps, { [oauth.allowInsecureRequests]: true });
  assert.equal(claims.sub, tokens.claims().sub);
  assert.equal(claims.client_id, "interop-office");
  await assert.rejects(oauth.validateJwtAccessToken(config.serverMetadata(), asked, "https://tax.example.org/api", { [oauth.allowInsecureRequests]: true }), undefined, "it is for no other resource");
  await assert.rejects(client.fetchUserInfo(config, got.access_token, claims.sub), undefined, "it does not open userinfo");
  await assert.rejects(client.genericGrantRequest(config, exchange, { subject_token: tokens.access_token, subject_token_type: accessToken, resource: "https://tax.example.org/api" }), refusedAs("invalid_target"));
  await assert.rejects(client.genericGrantRequest(config, exchange, { subject_token: "no-token", subject_token_type: accessToken, resource: maps }), refusedAs("invalid_request"));
}

async function ofItself(config) {
  const own = await client.clientCredentialsGrant(config, { scope: "files.read" });
  assert.equal(own.scope, "files.read");
  assert.equal(own.refresh_token ?? own.id_token, undefined);
  const worth = await client.tokenIntrospection(config, own.access_token);
  assert.deepEqual([worth.active, worth.client_id, worth.scope, worth.sub], [true, "interop-office", "files.read", undefined]);
  await assert.rejects(client.clientCredentialsGrant(config, { scope: "files.write" }), refusedAs("invalid_scope"));
  await client.tokenRevocation(config, own.access_token);
  assert.deepEqual(await client.tokenIntrospection(config, own.access_token), { active: false });
}

async function ended(config, tokens) {
  const worth = await client.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([worth.active, worth.sub, worth.client_id], [true, tokens.claims().sub, "interop-office"]);
  await client.tokenRevocation(config, tokens.refresh_token, { token_type_hint: "refresh_token" });
  assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false }, "the access token ends with the refresh token");
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refusedAs("invalid_grant"));
  await client.tokenRevocation(config, "no-token");
}

// RP-Initiated Logout 1.0 by the session's own ID token, and Back-Channel Logout 1.0, 2.6.
async function signedOut(config, jar, person, party, told) {
  const tokens = await signIn(config, jar, person, party.redirectUri);
  const { sub, sid } = tokens.claims();
  assert.ok(sid);
  const state = client.randomState();
  const landing = party.more.post_logout_redirect_uris[0];
  const step = await jar.follow(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: landing, state }), landing);
  assert.equal(step.url.href, `${landing}?state=${state}`);

  const post = await told.next("/signed-out", (p) => JSON.parse(Buffer.from(new URLSearchParams(p.body).get("logout_token").split(".")[1], "base64url")).sid === sid);
  assert.match(post.headers["content-type"], /^application\/x-www-form-urlencoded/);
  const token = new URLSearchParams(post.body).get("logout_token");
  const { issuer, jwks_uri } = config.serverMetadata();
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), { issuer, audience: party.id, typ: "logout+jwt", requiredClaims: ["iat", "exp", "jti"], maxTokenAge: "2 minutes" });
  assert.equal(decodeProtectedHeader(token).alg, decodeProtectedHeader(tokens.id_token).alg);
  assert.deepEqual(payload.events, { "http://schemas.openid.net/event/backchannel-logout": {} });
  assert.deepEqual([payload.sub, payload.sid, "nonce" in payload], [sub, sid, false]);

  await assert.rejects(signIn(config, jar, person, party.redirectUri, { prompt: "none" }), refusedAs("login_required"));
  // Signing out in one browser does not end what goes on while the person is away.
  assert.equal((await client.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, sub);
  // A hint of a session that is over is no proof: the person, who is signed in anew, is asked.
  await signIn(config, jar, person, party.redirectUri);
  const asked = await jar.follow(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: landing }), landing);
  assert.match(asked.html ?? "", /id="logout-yes"/);
  const wrong = await jar.follow(client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: "https://evil.example.org/" }));
  assert.equal(wrong.answer.status, 400);
}

// RFC 7591 and 7592.
async function registered(serve, person, redirectUri) {
  const out = await serve.command("registration-token", "add", "interop", "--department-en", "Tests", "--department-fr", "Essais", "--scope", "openid", "--scope", "email", "--uses", "2", "--apply", "--operator", "interop");
  const initialAccessToken = out.match(/^parvis_iat_\S+/m)[0];
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const jwk = { ...await crypto.subtle.exportKey("jwk", keys.publicKey), kid: "one", use: "sig", alg: "ES256" };
  delete jwk.key_ops;
  delete jwk.ext;
  const metadata = {
    client_name: "Registered by openid-client", redirect_uris: [redirectUri], application_type: "native", token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [jwk] }, scope: "openid email", id_token_signed_response_alg: "ES256",
  };
  await assert.rejects(client.dynamicClientRegistration(new URL(serve.issuer), metadata, client.None(), { ...open, initialAccessToken: "parvis_iat_wrong" }), (e) => e.status === 401);
  await assert.rejects(client.dynamicClientRegistration(new URL(serve.issuer), { ...metadata, redirect_uris: ["http://somewhere.example.org/"] }, client.None(), { ...open, initialAccessToken }), refusedAs("invalid_redirect_uri"));
  const config = await client.dynamicClientRegistration(new URL(serve.issuer), metadata, client.PrivateKeyJwt({ key: keys.privateKey, kid: "one" }), { ...open, initialAccessToken });
  const mine = config.clientMetadata();
  assert.deepEqual(mine.redirect_uris, [redirectUri]);
  assert.equal(mine.client_secret, undefined);
  await new Promise((r) => setTimeout(r, 5000)); // by then every node knows it
  const tokens = await signIn(config, new Jar(), person, redirectUri, { scope: "openid email" });
  assert.equal(tokens.claims().aud, mine.client_id);
  assert.equal(decodeProtectedHeader(tokens.id_token).alg, "ES256");
  const manage = (method) => fetch(mine.registration_client_uri, { method, headers: { authorization: `Bearer ${mine.registration_access_token}` } });
  assert.equal((await (await manage("GET")).json()).client_id, mine.client_id);
  assert.equal((await manage("DELETE")).status, 204);
  assert.equal((await manage("GET")).status, 401);
}

// The services of these walks; `told` receives logout tokens.
export function office(told, redirect) {
  const party = {
    id: "interop-office", name: "Interop office", secret, redirectUri: redirect("interop-office"),
    more: {
      grant_types: ["authorization_code", "refresh_token", "client_credentials", exchange], scopes: ["openid", "email", "offline_access"], own_scopes: ["files.read"],
      resources: [{ uri: maps, access_tokens: "jwt" }],
      post_logout_redirect_uris: [redirect("signed-out")], backchannel_logout_uri: told.address("/signed-out"), backchannel_logout_session_required: true,
    },
  };
  return {
    partners: [party],
    env: { PARVIS_OIDC_REGISTRATION_ENABLED: "true" },
    async run(serve, person) {
      const config = await client.discovery(new URL(serve.issuer), party.id, secret, undefined, open);
      client.enableNonRepudiationChecks(config); // ID tokens from the token endpoint are verified, too
      const jar = new Jar();
      let tokens = await signIn(config, jar, person, party.redirectUri);
      tokens = await refreshed(config, tokens);
      await exchanged(config, tokens);
      await ofItself(config);
      await ended(config, tokens);
      console.log("openid-client: refreshed, exchanged, introspected and revoked");
      await signedOut(config, jar, person, party, told);
      console.log("openid-client and jose: signed out, and told so by a logout token");
      await registered(serve, person, redirect("registered"));
      console.log("openid-client: registered itself, signed in, and was deleted");
    },
  };
}

// oauth4webapi with everything signed and bound: PAR, private_key_jwt, DPoP, JARM, signed introspection; refresh, revocation and tokens for itself.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as oauth from "oauth4webapi";
import { Jar } from "../e2e/lib/jar.mjs";
import { identity } from "./identity.mjs";

const options = { [oauth.allowInsecureRequests]: true };
const id = "interop-strict";
const refusedAs = (error) => (e) => e.error === error;

async function walk(issuer, keys, person, redirectUri) {
  const server = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), options));
  const party = { client_id: id, id_token_signed_response_alg: "ES256", authorization_signed_response_alg: "ES256", introspection_signed_response_alg: "ES256" };
  const auth = oauth.PrivateKeyJwt({ key: keys.signing, kid: keys.kid });
  const pair = await oauth.generateKeyPair("ES256");
  const bound = { ...options, DPoP: oauth.DPoP(party, pair) };

  // What the browser alone brings is refused, and so is a push without the key of the service.
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const params = {
    redirect_uri: redirectUri, response_type: "code", response_mode: "jwt", scope: "openid email offline_access", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  const stranger = oauth.PrivateKeyJwt({ key: (await oauth.generateKeyPair("ES256")).privateKey, kid: keys.kid });
  await assert.rejects(oauth.pushedAuthorizationRequest(server, party, stranger, params, bound).then((r) => oauth.processPushedAuthorizationResponse(server, party, r)), (e) => e.error === "invalid_client" || e.status === 401);
  const url = new URL(server.authorization_endpoint);
  for (const [k, v] of Object.entries({ client_id: id, ...params })) url.searchParams.set(k, v);
  const unpushed = await new Jar().follow(url, redirectUri);
  const told = await oauth.validateJwtAuthResponse(server, party, unpushed.url, state, options).then(() => assert.fail("a request that was not pushed"), (e) => e);
  assert.equal(told.error, "invalid_request");

  const pushed = await oauth.processPushedAuthorizationResponse(server, party, await oauth.pushedAuthorizationRequest(server, party, auth, params, bound));
  assert.ok(pushed.expires_in > 0 && pushed.expires_in < 600);
  const at = new URL(server.authorization_endpoint);
  at.searchParams.set("client_id", id);
  at.searchParams.set("request_uri", pushed.request_uri);
  const back = await new Jar().signIn(at, { ...person, redirectUri });
  assert.deepEqual([...back.searchParams.keys()], ["response"]);
  const forged = new URL(back);
  const signed = back.searchParams.get("response");
  forged.searchParams.set("response", signed.slice(0, -8) + (signed.at(-8) === "A" ? "B" : "A") + signed.slice(-7));
  await assert.rejects(oauth.validateJwtAuthResponse(server, party, forged, state, options), undefined, "the signature counts");
  const answer = await oauth.validateJwtAuthResponse(server, party, back, state, options);

  const got = await oauth.authorizationCodeGrantRequest(server, party, auth, answer, redirectUri, verifier, bound);
  const tokens = await oauth.processAuthorizationCodeResponse(server, party, got, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(server, got, options);
  assert.equal(tokens.token_type, "dpop");
  const { sub, acr, auth_time: when } = oauth.getValidatedIdTokenClaims(tokens);
  assert.ok(acr && when > 0);
  const info = await oauth.processUserInfoResponse(server, party, sub, await oauth.userInfoRequest(server, party, tokens.access_token, bound));
  assert.equal(info.email, person.email);
  // Neither without the key nor with another one.
  for (const by of [options, { ...options, DPoP: oauth.DPoP(party, await oauth.generateKeyPair("ES256")) }]) {
    await assert.rejects(oauth.userInfoRequest(server, party, tokens.access_token, by).then((r) => oauth.processUserInfoResponse(server, party, sub, r)), (e) => e.status === 401);
  }

  const introspect = async (token) => {
    const heard = await oauth.introspectionRequest(server, party, auth, token, { ...options, requestJwtResponse: true });
    assert.match(heard.headers.get("content-type"), /^application\/token-introspection\+jwt/);
    const worth = await oauth.processIntrospectionResponse(server, party, heard);
    await oauth.validateApplicationLevelSignature(server, heard, options);
    return worth;
  };
  const worth = await introspect(tokens.access_token);
  assert.deepEqual([worth.active, worth.client_id, worth.sub, worth.token_type], [true, id, sub, "DPoP"]);
  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const print = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })));
  assert.deepEqual(worth.cnf, { jkt: Buffer.from(print).toString("base64url") });

  const refresh = (by = bound) => oauth.refreshTokenGrantRequest(server, party, auth, tokens.refresh_token, by);
  const renewed = await refresh();
  const next = await oauth.processRefreshTokenResponse(server, party, renewed);
  await oauth.validateApplicationLevelSignature(server, renewed, options);
  assert.equal(oauth.getValidatedIdTokenClaims(next).sub, sub);
  await assert.rejects(refresh(options).then((r) => oauth.processRefreshTokenResponse(server, party, r)), refusedAs("invalid_dpop_proof"));

  await oauth.processRevocationResponse(await oauth.revocationRequest(server, party, auth, next.refresh_token, options));
  for (const token of [tokens.access_token, next.access_token, next.refresh_token]) assert.deepEqual((await introspect(token)).active, false);
  await assert.rejects(refresh().then((r) => oauth.processRefreshTokenResponse(server, party, r)), refusedAs("invalid_grant"));

  const own = await oauth.processClientCredentialsResponse(server, party, await oauth.clientCredentialsGrantRequest(server, party, auth, { scope: "files.read" }, bound));
  assert.deepEqual([own.token_type, own.scope, own.id_token, own.refresh_token], ["dpop", "files.read", undefined, undefined]);
  assert.equal((await introspect(own.access_token)).sub, undefined);

  // An assertion is good once (RFC 7523, 3): the same jti again is refused.
  const once = oauth.PrivateKeyJwt({ key: keys.signing, kid: keys.kid }, { [oauth.modifyAssertion]: (_, payload) => { payload.jti = `the-same-${state}`; } });
  const ask = () => oauth.clientCredentialsGrantRequest(server, party, once, { scope: "files.read" }, bound).then((r) => oauth.processClientCredentialsResponse(server, party, r));
  await ask();
  await assert.rejects(ask(), (e) => e.error === "invalid_client" || e.status === 401);
}

// The service of this walk.
export async function strict(redirect) {
  const folder = mkdtempSync(join(tmpdir(), "parvis-strict-"));
  const keys = await identity(folder, id);
  rmSync(folder, { recursive: true, force: true });
  const redirectUri = redirect(id);
  return {
    partners: [{
      id, name: "Interop strict", redirectUri,
      more: {
        auth: "private_key_jwt", jwks: keys.jwks, id_token_alg: "ES256", introspection_signed_response_alg: "ES256", authorization_signed_response_alg: "ES256", require_pushed_authorization_requests: true, dpop_bound_access_tokens: true,
        grant_types: ["authorization_code", "refresh_token", "client_credentials"], scopes: ["openid", "email", "offline_access"], own_scopes: ["files.read"],
      },
    }],
    async run(issuer, person) {
      await walk(issuer, keys, person, redirectUri);
      console.log("oauth4webapi: signed in with PAR, private_key_jwt, DPoP and JARM; refreshed, introspected by JWT, revoked");
    },
  };
}

// FAPI 2.0 by openid-client: pushed and signed requests, signed answers, tokens bound to a key or to a certificate.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as client from "openid-client";
import { Jar } from "../e2e/lib/jar.mjs";
import { fetchWith, identity } from "./identity.mjs";
import { freePort } from "./serve.mjs";

// A proxy that ends TLS, asks for a certificate, and passes it on as RFC 9440 says.
async function proxyTo(serverPort, port, own) {
  const server = createServer({ key: own.key, cert: own.cert, requestCert: true, rejectUnauthorized: false }, (asked, answer) => {
    const shown = asked.socket.getPeerCertificate()?.raw;
    const headers = { ...asked.headers };
    delete headers["client-cert"];
    if (shown) headers["client-cert"] = `:${shown.toString("base64")}:`;
    const sent = plainRequest({ host: "127.0.0.1", port: serverPort, path: asked.url, method: asked.method, headers }, (got) => {
      answer.writeHead(got.statusCode, got.rawHeaders);
      got.pipe(answer);
    });
    sent.on("error", () => answer.destroy());
    asked.pipe(sent);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

async function signIn(config, { redirectUri, person, DPoP, signed }) {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  let params = {
    redirect_uri: redirectUri, scope: "openid email", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  if (signed) params = (await client.buildAuthorizationUrlWithJAR(config, params, signed)).searchParams; // RFC 9101
  const url = await client.buildAuthorizationUrlWithPAR(config, params, { DPoP }); // RFC 9126
  assert.match(url.searchParams.get("request_uri"), /^urn:ietf:params:oauth:request_uri:/);
  const back = await new Jar().signIn(url, { ...person, redirectUri });
  assert.equal(back.searchParams.has("response"), Boolean(signed), "JARM is asked for with signed requests");
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP });
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(info.email, person.email);
  return tokens;
}

// The services of these sign-ins, and what `parvis serve` must be told of the proxy.
export async function fapi(redirectPort) {
  const folder = mkdtempSync(join(tmpdir(), "parvis-fapi-"));
  const [keys, shown, other, door] = [await identity(folder, "interop-fapi"), await identity(folder, "interop-mtls"), await identity(folder, "stranger"), await identity(folder, "localhost")];
  rmSync(folder, { recursive: true, force: true });
  const at = await freePort();
  const redirectUri = `http://127.0.0.1:${redirectPort}/callback`;
  const both = { profile: "fapi2", type: "native" };
  return {
    partners: [
      { id: "interop-fapi", name: "Interop FAPI", redirectUri, more: { ...both, jwks: keys.jwks, require_signed_request_object: true, dpop_bound_access_tokens: true, userinfo_signed_response_alg: "PS256" } },
      { id: "interop-mtls", name: "Interop mTLS", redirectUri, more: { ...both, auth: "self_signed_tls_client_auth", jwks: shown.jwks, tls_client_certificate_bound_access_tokens: true } },
    ],
    env: { PARVIS_OIDC_MTLS_PUBLIC_URL: `https://localhost:${at}`, PARVIS_OIDC_MTLS_HEADER: "client-cert", PARVIS_SERVER_PROXY_TRUSTED: "127.0.0.0/8" },
    async run(issuer, person) {
      const open = { execute: [client.allowInsecureRequests] };
      const signedInfo = { id_token_signed_response_alg: "ES256", authorization_signed_response_alg: "ES256", userinfo_signed_response_alg: "PS256" };
      const config = await client.discovery(new URL(issuer), "interop-fapi", signedInfo, client.PrivateKeyJwt({ key: keys.signing, kid: keys.kid }), open);
      client.useJwtResponseMode(config);
      const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
      const tokens = await signIn(config, { redirectUri, person, DPoP, signed: { key: keys.signing, kid: keys.kid } });
      assert.equal(tokens.token_type, "dpop");
      const bare = { redirect_uri: redirectUri, scope: "openid", code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()), code_challenge_method: "S256" };
      await assert.rejects(client.buildAuthorizationUrlWithPAR(config, bare, { DPoP }), (e) => e.error === "invalid_request", "requests are signed");
      await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), (e) => e.status === 401, "the token is bound to its key");
      console.log("openid-client: signed in with PAR, JAR, JARM, DPoP and private_key_jwt");

      const proxy = await proxyTo(new URL(issuer).port, at, door);
      try {
        const mine = { ...open, [client.customFetch]: fetchWith(shown) };
        const metadata = { id_token_signed_response_alg: "ES256", use_mtls_endpoint_aliases: true };
        const mtls = await client.discovery(new URL(issuer), "interop-mtls", metadata, client.TlsClientAuth(), mine);
        const bound = await signIn(mtls, { redirectUri, person });
        assert.equal(bound.token_type, "bearer");
        for (const [name, by] of [["another certificate", other], ["no certificate", undefined]]) {
          const thief = await client.discovery(new URL(issuer), "interop-mtls", metadata, client.TlsClientAuth(), { ...open, [client.customFetch]: fetchWith(by) });
          await assert.rejects(client.fetchUserInfo(thief, bound.access_token, bound.claims().sub), (e) => e.status === 401, name);
        }
        console.log("openid-client: signed in with PAR and mTLS, and its token is good with its certificate only");
      } finally {
        proxy.closeAllConnections();
        await new Promise((resolve) => proxy.close(resolve));
      }
    },
  };
}

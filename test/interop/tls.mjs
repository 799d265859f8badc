// `parvis serve` with its own TLS, and its own listener that asks services for certificates (RFC 8705): openid-client on
// Node's OpenSSL, curl, and openssl for what the handshakes allow (RFC 9325, 4.2).
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as client from "openid-client";
import { Jar } from "../e2e/lib/jar.mjs";
import { fetchWith, identity } from "./identity.mjs";
import { freePort, startServe } from "./serve.mjs";

const person = { email: "tls@example.org", password: "paper lantern over the river 7" };
const subject = "/C=CA/O=Revenue/CN=tax files"; // RFC 4514: CN=tax files,O=Revenue,C=CA

// An authority, and certificates that it gives.
class Authority {
  constructor(folder) {
    this.folder = folder;
    this.file = join(folder, "ca.crt");
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", "/CN=Authority of tests", "-keyout", join(folder, "ca.key"), "-out", this.file], { stdio: "ignore" });
    this.pem = readFileSync(this.file, "utf8");
  }

  give(name, subject, extensions, key = ["rsa:2048"]) {
    const [keyFile, request, extra, certFile] = ["key", "csr", "ext", "crt"].map((end) => join(this.folder, `${name}.${end}`));
    writeFileSync(extra, extensions);
    execFileSync("openssl", ["req", "-newkey", ...key, "-nodes", "-subj", subject, "-keyout", keyFile, "-out", request], { stdio: "ignore" });
    execFileSync("openssl", ["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", join(this.folder, "ca.key"), "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", certFile], { stdio: "ignore" });
    return { keyFile, certFile, key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  }
}

// What openssl says of a handshake, or of the alert that the server sent in its place.
const handshake = (port, ca, ...more) => new Promise((resolve) => {
  const child = execFile("openssl", ["s_client", "-connect", `localhost:${port}`, "-servername", "localhost", "-CAfile", ca, "-verify_return_error", ...more], { timeout: 60_000 }, (failed, out, errors) => resolve(failed ? errors : out));
  child.stdin.end();
});

async function handshakes(port, ca, asks) {
  for (const suite of ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]) {
    const out = await handshake(port, ca, "-tls1_2", "-cipher", suite);
    assert.match(out, new RegExp(`Cipher is ${suite}`));
    assert.equal(/Client Certificate Types/.test(out), asks, "who is asked for a certificate");
  }
  assert.match(await handshake(port, ca, "-tls1_3"), /New, TLSv1\.3/);
  const weak = ["-tls1_2", "-cipher"];
  for (const [what, alert, ...how] of [
    ["CBC", "handshake failure", ...weak, "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384@SECLEVEL=0"], ["no forward secrecy", "handshake failure", ...weak, "AES128-GCM-SHA256:AES256-GCM-SHA384@SECLEVEL=0"],
    ["finite fields", "handshake failure", ...weak, "DHE-RSA-AES128-GCM-SHA256@SECLEVEL=0"], ["TLS 1.1", "protocol version", "-tls1_1", "-cipher", "ALL@SECLEVEL=0"], ["TLS 1.0", "protocol version", "-tls1", "-cipher", "ALL@SECLEVEL=0"],
  ]) assert.match(await handshake(port, ca, ...how), new RegExp(`alert ${alert}`), what);
}

async function signIn(config, jar, redirectUri) {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: redirectUri, scope: "openid email", state, nonce, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const back = await jar.signIn(url, { ...person, redirectUri });
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
}

const thumbprint = ({ cert }) => createHash("sha256").update(new X509Certificate(cert).raw).digest("base64url");

async function ownTLS(engine, env) {
  const folder = mkdtempSync(join(tmpdir(), "parvis-tls-"));
  const authority = new Authority(folder);
  const door = authority.give("door", "/CN=localhost", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n");
  const mine = authority.give("mine", subject, "extendedKeyUsage=clientAuth\n");
  const renewed = authority.give("renewed", subject, "extendedKeyUsage=clientAuth\n");
  const other = authority.give("other", "/C=CA/O=Revenue/CN=other files", "extendedKeyUsage=clientAuth\n");
  const server = authority.give("server", subject, "extendedKeyUsage=serverAuth\n");
  const own = await identity(folder, "tls-own");
  const posing = new Authority(mkdtempSync(join(folder, "posing-"))).give("posing", subject, "extendedKeyUsage=clientAuth\n");
  const [port, at, callback] = [await freePort(), await freePort(), await freePort()];
  const redirect = (id) => `http://127.0.0.1:${callback}/${id}`;
  const bound = { tls_client_certificate_bound_access_tokens: true, grant_types: ["authorization_code", "client_credentials"], own_scopes: ["files.read"] };
  const serve = await startServe([
    { id: "tls-ca", name: "TLS by an authority", redirectUri: redirect("tls-ca"), more: { ...bound, auth: "tls_client_auth", tls_client_auth_subject_dn: "CN=tax files,O=Revenue,C=CA" } },
    { id: "tls-own", name: "TLS by its own", redirectUri: redirect("tls-own"), more: { ...bound, auth: "self_signed_tls_client_auth", jwks: own.jwks } },
  ], { ...env, PARVIS_OIDC_MTLS_PUBLIC_URL: `https://localhost:${at}`, PARVIS_OIDC_MTLS_LISTEN: `127.0.0.1:${at}`, PARVIS_OIDC_MTLS_CA_FILES: authority.file },
  { port, tls: { certificate: door.certFile, key: door.keyFile } });
  console.log(`own TLS, with ${engine}`);
  try {
    const jar = () => new Jar({ ca: authority.pem });
    await serve.createAccount(person.email, person.password, jar());
    await handshakes(port, authority.file, false);
    await handshakes(at, authority.file, true);
    console.log("openssl: both listeners do TLS 1.3 and 1.2 with forward secrecy and AEAD, and nothing else");

    const as = (id, by) => client.discovery(new URL(serve.issuer), id, { use_mtls_endpoint_aliases: true }, client.TlsClientAuth(), { [client.customFetch]: fetchWith(by, authority.pem) });
    for (const [id, by, thieves] of [["tls-ca", mine, [renewed, other, own]], ["tls-own", own, [mine]]]) {
      const config = await as(id, by);
      const tokens = await signIn(config, jar(), redirect(id));
      const { sub } = tokens.claims();
      assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).email, person.email);
      const worth = await client.tokenIntrospection(config, tokens.access_token);
      assert.deepEqual(worth.cnf, { "x5t#S256": thumbprint(by) });
      for (const thief of [...thieves, undefined]) {
        await assert.rejects(as(id, thief).then((c) => client.fetchUserInfo(c, tokens.access_token, sub)), (e) => e.status === 401, "a token that is bound to another certificate");
      }
      // At the public listener nobody shows a certificate.
      const plain = await fetchWith(by, authority.pem)(`${serve.issuer}/userinfo`, { method: "GET", headers: { authorization: `Bearer ${tokens.access_token}` } });
      assert.equal(plain.status, 401);
    }
    // A certificate that the authority renewed is the same service; one of another name, purpose or authority is not.
    assert.equal((await client.clientCredentialsGrant(await as("tls-ca", renewed), { scope: "files.read" })).scope, "files.read");
    for (const [what, id, by] of [["another name", "tls-ca", other], ["a server's certificate", "tls-ca", server], ["another authority", "tls-ca", posing], ["signed by itself", "tls-ca", own], ["another key", "tls-own", mine], ["none", "tls-ca", undefined]]) {
      await assert.rejects(as(id, by).then((c) => client.clientCredentialsGrant(c, { scope: "files.read" })), (e) => e.error === "invalid_client" || e.status === 401, what);
    }
    console.log("openid-client: signed in with tls_client_auth and self_signed_tls_client_auth at the listener for certificates");

    const curl = (url, ...more) => new Promise((resolve, reject) => execFile("curl", ["--silent", "--show-error", "--max-time", "60", "--cacert", authority.file, "--write-out", "\n%{http_code}", ...more, url], (failed, out) => (failed ? reject(failed) : resolve({ status: Number(out.trim().split("\n").at(-1)), text: out.slice(0, out.lastIndexOf("\n")) }))));
    const token = (...how) => curl(`https://localhost:${at}/token`, "--data", "grant_type=client_credentials&client_id=tls-ca&scope=files.read", ...how);
    for (const version of ["--http2", "--http1.1"]) for (const most of ["1.2", "1.3"]) {
      const answer = await token(version, "--tls-max", most, "--cert", mine.certFile, "--key", mine.keyFile);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(JSON.parse(answer.text).token_type, "Bearer");
    }
    const refused = await token();
    assert.deepEqual([refused.status, JSON.parse(refused.text).error], [401, "invalid_client"]);
    assert.equal((await curl(`https://127.0.0.1:${at}/token`, "--insecure")).status, 421, "that listener answers at its own address only");
    const names = await curl(`${serve.issuer}/.well-known/openid-configuration`);
    assert.equal(JSON.parse(names.text).mtls_endpoint_aliases.token_endpoint, `https://localhost:${at}/token`);
    console.log("curl: tokens by certificate with TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2");
  } catch (e) {
    console.error(serve.log.slice(-6000));
    throw e;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    assert.equal(await serve.stop(), 0, "parvis serve ends in good order");
  }
}

assert.ok(process.env.FRESH_POSTGRES, "FRESH_POSTGRES names an empty PostgreSQL");
await ownTLS("SQLite", {});
await ownTLS("PostgreSQL", { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES });

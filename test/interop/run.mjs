// Foreign clients complete a sign-in against `parvis serve`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Jar } from "../e2e/lib/jar.mjs";
import { fapi } from "./fapi.mjs";
import { walkTheGuide } from "./guide.mjs";
import { signInWithNodeClients } from "./node-clients.mjs";
import { freePort, startServe } from "./serve.mjs";

const person = { email: "interop@example.org", password: "paper lantern over the river 7" };
const secret = "an-interop-secret-of-more-than-32-characters";

// A client that prints its address, reads the redirect, and checks the tokens.
async function withProgram(name, command, serve, partner) {
  const child = spawn(command[0], [...command.slice(1), serve.issuer, partner.id, partner.secret, partner.redirectUri], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = new URL((await lines.next()).value);
  const back = await new Jar().signIn(url, { ...person, redirectUri: partner.redirectUri });
  child.stdin.end(`${back.href}\n`);
  const claims = JSON.parse((await lines.next()).value);
  assert.equal(claims.email, person.email);
  assert.equal(await ended, 0);
  console.log(`${name}: signed in`);
}

const goOIDC = [fileURLToPath(new URL("../../bin/goclient", import.meta.url))];
const authlib = ["/usr/bin/python3", fileURLToPath(new URL("./authlib-client.py", import.meta.url))];

// Apache with mod_auth_openidc in front of a file.
async function withApache(serve, partner) {
  const folder = mkdtempSync(join(tmpdir(), "parvis-apache-"));
  const { port } = new URL(partner.redirectUri);
  writeFileSync(join(folder, "index.html"), "behind the door\n");
  writeFileSync(join(folder, "apache.conf"), `
ServerRoot ${folder}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
LogLevel warn
Mutex file:${folder}
${["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc"].map((m) => `LoadModule ${m}_module /usr/lib/apache2/modules/mod_${m}.so`).join("\n")}
DocumentRoot ${folder}
DirectoryIndex index.html
OIDCProviderMetadataURL ${serve.issuer}/.well-known/openid-configuration
OIDCClientID ${partner.id}
OIDCClientSecret ${partner.secret}
OIDCRedirectURI ${partner.redirectUri}
OIDCCryptoPassphrase an-apache-passphrase
OIDCScope "openid email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCSSLValidateServer Off
<Location />
  AuthType openid-connect
  Require valid-user
  Header set X-Seen-User "expr=%{REMOTE_USER}"
</Location>
`);
  const apache = spawn("/usr/sbin/apache2", ["-f", join(folder, "apache.conf"), "-DFOREGROUND"], { env: { ...process.env, APACHE_RUN_DIR: folder }, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((resolve) => apache.once("exit", resolve));
  try {
    const start = new URL("/", partner.redirectUri);
    for (let i = 0; ; i++) {
      if (await fetch(start, { redirect: "manual" }).then(() => true, () => false)) break;
      if (i > 50) throw new Error("apache does not answer");
      await new Promise((r) => setTimeout(r, 100));
    }
    const jar = new Jar();
    const back = await jar.signIn(start, { ...person, redirectUri: partner.redirectUri });
    const step = await jar.follow(back);
    assert.equal(step.answer.status, 200, step.html);
    assert.match(step.html, /behind the door/);
    assert.ok(step.answer.headers.get("x-seen-user")?.startsWith(person.email), step.answer.headers.get("x-seen-user"));
    console.log("mod_auth_openidc: signed in");
  } finally {
    apache.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function signInWithAll(engine, env) {
  const partners = {};
  for (const [name, path, more] of [["node", "/callback"], ["go", "/callback"], ["authlib", "/callback", { auth: "client_secret_post" }], ["apache", "/redirect"]]) {
    partners[name] = { id: `interop-${name}`, name: `Interop ${name}`, secret, redirectUri: `http://127.0.0.1:${await freePort()}${path}`, more };
  }
  const strict = await fapi(await freePort());
  const serve = await startServe([...Object.values(partners), ...strict.partners], { ...env, ...strict.env });
  console.log(`with ${engine}`);
  try {
    await serve.createAccount(person.email, person.password);
    await signInWithNodeClients(serve.issuer, partners.node, person);
    await strict.run(serve.issuer, person);
    await withProgram("coreos/go-oidc", goOIDC, serve, partners.go);
    await withProgram("Authlib", authlib, serve, partners.authlib);
    await withApache(serve, partners.apache);
  } catch (e) {
    console.error(serve.log.slice(-6000));
    throw e;
  } finally {
    assert.equal(await serve.stop(), 0, "parvis serve ends in good order");
  }
}

await walkTheGuide();
await signInWithAll("SQLite", {});
await signInWithAll("PostgreSQL", { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES });

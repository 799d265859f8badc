// Foreign clients complete a sign-in against `parvis serve`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Jar } from "../e2e/lib/jar.mjs";
import { elsewhere } from "./elsewhere.mjs";
import { fapi } from "./fapi.mjs";
import { walkTheGuide } from "./guide.mjs";
import { identity } from "./identity.mjs";
import { signInWithNodeClients } from "./node-clients.mjs";
import { office } from "./office.mjs";
import { receiver } from "./receiver.mjs";
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

// Arguments name the walks to do; without any, all are done.
const wanted = process.argv.slice(2);
const want = (name) => wanted.length === 0 || wanted.includes(name);

async function signInWithAll(engine, env) {
  const partners = {};
  for (const [name, path, more] of [["node", "/callback"], ["go", "/callback"], ["authlib", "/callback", { auth: "client_secret_post" }], ["apache", "/redirect"]]) {
    partners[name] = { id: `interop-${name}`, name: `Interop ${name}`, secret, redirectUri: `http://127.0.0.1:${await freePort()}${path}`, more };
  }
  const folder = mkdtempSync(join(tmpdir(), "parvis-interop-"));
  const told = await receiver(await identity(folder, "localhost"));
  const callback = await freePort();
  const redirect = (id) => `http://127.0.0.1:${callback}/callback/${id}`;
  const strict = await fapi(await freePort());
  const [away, desk] = [elsewhere(told, redirect), office(told, redirect)];
  const serve = await startServe([...Object.values(partners), ...strict.partners, ...away.partners, ...desk.partners], {
    ...env, ...strict.env, ...desk.env, PARVIS_OIDC_DEVICE_INTERVAL: "1s", PARVIS_OIDC_CIBA_INTERVAL: "1s",
  }, { settings: { outbound: { allow: ["127.0.0.0/8", "::1/128"], ca_file: join(folder, "localhost.crt") } } });
  console.log(`with ${engine}`);
  const walks = {
    node: () => signInWithNodeClients(serve.issuer, partners.node, person),
    fapi: () => strict.run(serve.issuer, person),
    elsewhere: () => away.run(serve, person),
    office: () => desk.run(serve, person),
    go: () => withProgram("coreos/go-oidc", goOIDC, serve, partners.go),
    authlib: () => withProgram("Authlib", authlib, serve, partners.authlib),
    apache: () => withApache(serve, partners.apache),
  };
  try {
    await serve.createAccount(person.email, person.password);
    for (const [name, walk] of Object.entries(walks)) if (want(name)) await walk();
  } catch (e) {
    console.error(serve.log.slice(-6000));
    throw e;
  } finally {
    await told.close();
    rmSync(folder, { recursive: true, force: true });
    assert.equal(await serve.stop(), 0, "parvis serve ends in good order");
  }
}

if (want("guide")) await walkTheGuide();
await signInWithAll("SQLite", {});
assert.ok(process.env.FRESH_POSTGRES || wanted.length > 0, "FRESH_POSTGRES names an empty PostgreSQL");
if (process.env.FRESH_POSTGRES) await signInWithAll("PostgreSQL", { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES });

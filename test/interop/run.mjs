// Foreign clients complete a sign-in against `parvis serve`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Jar } from "../e2e/lib/jar.mjs";
import { browserClient } from "./browser.mjs";
import { elsewhere } from "./elsewhere.mjs";
import { fapi } from "./fapi.mjs";
import { walkTheGuide } from "./guide.mjs";
import { identity } from "./identity.mjs";
import { lynx } from "./lynx.mjs";
import { signInWithNodeClients } from "./node-clients.mjs";
import { office } from "./office.mjs";
import { receiver } from "./receiver.mjs";
import { freePort, startServe } from "./serve.mjs";
import { strict } from "./strict.mjs";

const person = { email: "interop@example.org", password: "paper lantern over the river 7" };
const secret = "an-interop-secret-of-more-than-32-characters";

// A client that prints, in lines of JSON, where to send the browser, what to type for a device, and at the end the claims.
async function withProgram(name, command, serve, partner, ...more) {
  const child = spawn(command[0], [...command.slice(1), serve.issuer, partner.id, partner.key ?? partner.secret, partner.redirectUri, ...more], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let claims;
  let devices = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line);
    if (told.open) child.stdin.end(`${(await new Jar().signIn(new URL(told.open), { ...person, redirectUri: partner.redirectUri })).href}\n`);
    if (told.device) {
      await new Jar().walk(new URL(told.device), { ...person, end: "device-done", forms: { device: { user_code: told.code }, "device-confirm": { choice: told.choice } } });
      devices++;
    }
    claims = told.claims;
  }
  assert.equal(await ended, 0, `${name} ended badly`);
  assert.equal(claims.email, person.email);
  console.log(`${name}: signed in and refreshed${devices ? `, ${devices} devices decided` : ""}`);
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
      if (i > 600) throw new Error("apache does not answer");
      await new Promise((r) => setTimeout(r, 100));
    }
    const jar = new Jar();
    const back = await jar.signIn(start, { ...person, redirectUri: partner.redirectUri });
    const step = await jar.follow(back);
    assert.equal(step.answer.status, 200, step.html);
    assert.match(step.html, /behind the door/);
    assert.ok(step.answer.headers.get("x-seen-user")?.startsWith(person.email), step.answer.headers.get("x-seen-user"));
    // The module's own sign-out goes to the end_session_endpoint with the ID token as the hint.
    const out = new URL(partner.redirectUri);
    out.searchParams.set("logout", new URL("/", partner.redirectUri).href);
    const over = await jar.follow(out, `${serve.issuer}/logout`);
    assert.ok(over.url.searchParams.get("id_token_hint"), over.url.href);
    const landed = await jar.follow(over.url, new URL("/", partner.redirectUri).href);
    assert.equal(landed.url.href, new URL("/", partner.redirectUri).href);
    const anew = await jar.follow(landed.url);
    assert.match(anew.html, /data-page="sign-in"/, "signed out at Apache and at Parvis");
    console.log("mod_auth_openidc: signed in and out");
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
  const offline = { grant_types: ["authorization_code", "refresh_token"], scopes: ["openid", "email", "offline_access"] };
  const partners = {};
  for (const [name, path, more] of [
    ["node", "/callback"], ["go", "/callback", offline], ["authlib", "/callback", { ...offline, auth: "client_secret_post" }], ["apache", "/redirect"],
  ]) {
    partners[name] = { id: `interop-${name}`, name: `Interop ${name}`, secret, redirectUri: `http://127.0.0.1:${await freePort()}${path}`, more };
  }
  partners.apache.more = { post_logout_redirect_uris: [new URL("/", partners.apache.redirectUri).href] };
  const folder = mkdtempSync(join(tmpdir(), "parvis-interop-"));
  const told = await receiver(await identity(folder, "localhost"));
  const { jwks } = await identity(folder, "interop-authlib-key");
  partners.byKey = {
    id: "interop-authlib-key", name: "Interop key", key: join(folder, "interop-authlib-key.key"), redirectUri: `http://127.0.0.1:${await freePort()}/callback`,
    more: { ...offline, auth: "private_key_jwt", jwks, require_pushed_authorization_requests: true },
  };
  const callback = await freePort();
  const redirect = (id) => `http://127.0.0.1:${callback}/callback/${id}`;
  const [high, bound] = [await fapi(await freePort()), await strict(redirect)];
  const [away, desk] = [elsewhere(told, redirect), office(told, redirect)];
  const [inBrowser, text] = [browserClient(await freePort()), lynx(`http://127.0.0.1:${await freePort()}/callback`)];
  // One person signs in more often here than people do.
  const limits = Object.fromEntries(["SIGNIN_IP", "SIGNIN_BROWSER", "SIGNIN_ADDRESS", "SIGNIN_ADDRESS_IP", "SIGNIN_BURST_ADDRESS_IP", "CIBA_ACCOUNT", "CIBA_MAIL", "DEVICE_BROWSER", "DEVICE_IP", "DEVICE_ACCOUNT"].map((n) => [`PARVIS_LIMITS_${n}_COUNT`, "0"]));
  const serve = await startServe([...Object.values(partners), ...high.partners, ...bound.partners, ...away.partners, ...desk.partners, ...inBrowser.partners, ...text.partners], {
    ...env, ...limits, ...high.env, ...desk.env, PARVIS_OIDC_DEVICE_INTERVAL: "1s", PARVIS_OIDC_CIBA_INTERVAL: "1s",
  }, { settings: { outbound: { allow: ["127.0.0.0/8", "::1/128"], ca_file: join(folder, "localhost.crt") } } });
  console.log(`with ${engine}`);
  const walks = {
    node: () => signInWithNodeClients(serve.issuer, partners.node, person),
    fapi: () => high.run(serve.issuer, person),
    strict: () => bound.run(serve.issuer, person),
    elsewhere: () => away.run(serve, person),
    office: () => desk.run(serve, person),
    go: () => withProgram("coreos/go-oidc", goOIDC, serve, partners.go, "interop-device"),
    authlib: () => withProgram("Authlib", authlib, serve, partners.authlib),
    authlibByKey: () => withProgram("Authlib with PAR and private_key_jwt", authlib, serve, partners.byKey),
    browser: () => inBrowser.run(serve.issuer, person),
    ...(engine === "SQLite" ? { lynx: () => text.run(serve, person) } : {}), // pages know no engine
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
assert.ok(process.env.FRESH_POSTGRES || wanted.length > 0, "FRESH_POSTGRES names an empty PostgreSQL");
await signInWithAll("SQLite", {});
if (process.env.FRESH_POSTGRES) await signInWithAll("PostgreSQL", { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES });

// A service of its own kind in a real browser: it is told that people sign out, by the browser and
// by its machine, and it opens on a device that has no browser.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { at, dataPage, launch, person, sound, submit } from "./lib/browser.mjs";
import { eventually, startDemo } from "./lib/demo.mjs";
import { allow, signIn } from "./lib/steps.mjs";

const verifier = "a-code-verifier-of-forty-three-characters-or-more";
const challenge = createHash("sha256").update(verifier).digest("base64url");
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

let demo;
let browser;
let service;
let folder;

// The service: pages that say where the browser is, and what it was told.
async function startService() {
  const told = [];
  const framed = [];
  let hold = Promise.resolve();
  const server = createServer(async (request, answer) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (request.method === "POST") {
      let body = "";
      for await (const part of request) body += part;
      told.push(new URLSearchParams(body).get("logout_token"));
    }
    if (url.pathname === "/framed") {
      framed.push(url.searchParams);
      await hold;
    }
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end(`<!doctype html><html lang="en"><title>service</title><body data-page="service${url.pathname.replaceAll("/", "-")}"><h1>service</h1></body></html>`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, told, framed, url: `http://127.0.0.1:${server.address().port}`, holds: (until) => { hold = until; } };
}

before(async () => {
  service = await startService();
  folder = await mkdtemp(join(tmpdir(), "parvis-services-"));
  const file = join(folder, "service.yaml");
  await writeFile(file, `
partners:
  - id: told
    name: {en: Camping reservations, fr: Réservations de camping}
    department: {en: Northland Parks, fr: Parcs du Nord}
    redirect_uris: ["${service.url}/callback"]
    post_logout_redirect_uris: ["${service.url}/bye"]
    frontchannel_logout_uri: "${service.url}/framed"
    frontchannel_logout_session_required: true
    backchannel_logout_uri: "${service.url}/told"
    backchannel_logout_session_required: true
    grant_types: [authorization_code, "${deviceGrant}"]
    auth: none
    scopes: [openid]
`);
  [demo, browser] = await Promise.all([startDemo("--partner", file), launch()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  service?.server.close();
  await rm(folder, { recursive: true, force: true });
});

async function token(fields) {
  const answer = await fetch(`${demo.issuer}/token`, { method: "POST", body: new URLSearchParams({ client_id: "told", ...fields }) });
  return answer.json();
}

const payload = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));

// Signs in and agrees, when it is the first time.
async function enter(page, user) {
  await signIn(page, user.email, user.password);
  if (await dataPage(page) === "consent") await allow(page);
}

// Signs in at the service, and gives its ID token.
async function visit(page, user) {
  const to = new URL("/authorize", demo.issuer);
  to.search = new URLSearchParams({
    client_id: "told", redirect_uri: `${service.url}/callback`, response_type: "code", scope: "openid", state: "s", nonce: "n",
    code_challenge: challenge, code_challenge_method: "S256", ui_locales: page.lang,
  });
  await page.goto(to.href);
  await enter(page, user);
  await at(page, "service-callback");
  const got = await token({
    grant_type: "authorization_code", code: new URL(page.url()).searchParams.get("code"), redirect_uri: `${service.url}/callback`, code_verifier: verifier,
  });
  assert.ok(got.id_token, JSON.stringify(got));
  return got.id_token;
}

for (const kind of [{ lang: "en", width: 1280 }, { lang: "fr", width: 320, script: false }]) {
  const how = `${kind.lang}, JavaScript ${kind.script === false ? "off" : "on"}`;

  test(`a service is told by the browser and by its machine, and the browser lands there (${how})`, async () => {
    const page = await person(browser, kind);
    const idToken = await visit(page, demo.person("active"));
    const { sid } = payload(idToken);
    let release;
    service.holds(new Promise((resolve) => { release = resolve; }));
    const before = service.framed.length;
    const out = new URL("/logout", demo.issuer);
    out.search = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: `${service.url}/bye`, state: "a&b", ui_locales: page.lang });
    await page.goto(out.href, { waitUntil: "commit" });
    await at(page, "signing-out");
    if (kind.script !== false) await sound(page);
    release();
    await at(page, "service-bye");
    assert.equal(new URL(page.url()).searchParams.get("state"), "a&b");
    assert.equal(service.framed.length, before + 1);
    assert.equal(service.framed.at(-1).get("sid"), sid);
    assert.equal(service.framed.at(-1).get("iss"), demo.issuer);
    const said = () => service.told.map(payload).filter((t) => t.sid === sid); // by its machine, which takes its time
    const found = await eventually(() => ({ found: said()[0], or: "the service was not told by its machine" }));
    assert.equal(found.aud, "told");
    assert.equal(said().length, 1);
    await page.context().close();
  });

  test(`a service that never answers keeps nobody (${how})`, async () => {
    const page = await person(browser, kind);
    const idToken = await visit(page, demo.person("active"));
    let release;
    service.holds(new Promise((resolve) => { release = resolve; }));
    const out = new URL("/logout", demo.issuer);
    out.search = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: `${service.url}/bye`, ui_locales: page.lang });
    await page.goto(out.href, { waitUntil: "commit" });
    if (kind.script === false) { // a browser counts the page's own time from when all has loaded
      await at(page, "signing-out");
      await page.locator("#continue").click({ noWaitAfter: true });
    }
    await at(page, "service-bye");
    release();
    await page.context().close();
  });

  test(`who signs out here is shown the services and then that they are signed out (${how})`, async () => {
    service.holds(Promise.resolve());
    const page = await person(browser, kind);
    await visit(page, demo.person("active"));
    const before = service.framed.length;
    await page.goto(`${demo.issuer}/signout`);
    await submit(page, "sign-out");
    await at(page, "signed-out");
    assert.equal(service.framed.length, before + 1);
    await page.context().close();
  });

  test(`a device opens the service when its person says yes (${how})`, async () => {
    const page = await person(browser, kind);
    const asked = await (await fetch(`${demo.issuer}/device_authorization`, { method: "POST", body: new URLSearchParams({ client_id: "told", scope: "openid" }) })).json();
    await page.goto(`${demo.issuer}/device?lang=${kind.lang}`);
    await at(page, "device");
    await sound(page);
    await page.fill("form#device [name=user_code]", "bcdf-ghj");
    await submit(page, "device");
    await at(page, "device");
    await sound(page, "error");
    await page.goto(asked.verification_uri_complete);
    await at(page, "device");
    assert.equal(await page.inputValue("form#device [name=user_code]"), asked.user_code);
    await submit(page, "device");
    await enter(page, demo.person("active"));
    await at(page, "device-confirm");
    await sound(page);
    assert.equal(await page.textContent("#user-code"), asked.user_code);
    assert.equal((await token({ grant_type: deviceGrant, device_code: asked.device_code })).error, "authorization_pending");
    await page.click("#allow");
    await at(page, "device-done");
    await sound(page);
    await demo.advance("6s");
    const got = await token({ grant_type: deviceGrant, device_code: asked.device_code });
    assert.ok(got.access_token && payload(got.id_token).sub, JSON.stringify(got));
    assert.equal(payload(got.id_token).sid, undefined);
    await page.goto(asked.verification_uri_complete);
    await submit(page, "device");
    assert.equal(await page.locator(".govuk-error-summary, [id=user_code-error]").count() > 0, true);
    await page.context().close();
  });
}

// Pages that people see seldom: services that could not be told that somebody signed out, an application of the device
// that asks for a sign-in, a confirmation that is another account's, and a device that wants many things in particular.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { at, dataPage, launch, person, sound, submit } from "./lib/browser.mjs";
import { startDemo } from "./lib/demo.mjs";
import { allow, signIn } from "./lib/steps.mjs";

const verifier = "a-code-verifier-of-forty-three-characters-or-more";
const challenge = createHash("sha256").update(verifier).digest("base64url");
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
const cibaGrant = "urn:openid:params:grant-type:ciba";
const secret = "only-for-this-journey-0123456789-0123456789";
const many = 33; // three more services than one page frames

// The first ones that are visited are those that cannot be told.
const longest = {
  en: "Reservations of campsites, shelters and moorings in the parks of the North",
  fr: "Réservation de campings, de refuges et d’amarrages dans les parcs du Nord",
};
const names = (i) => (i === 0 ? longest : { en: `Permits, counter ${i + 1}`, fr: `Permis, guichet ${i + 1}` });

// As much as may be asked: five tasks, long texts, lists, and nothing.
const tasks = [
  { type: "fee", amount: "250.00 $", for: "W4 SC 250 ".repeat(12).trim(), repeated: false, nights: ["2026-07-01", "2026-07-02"] },
  { type: "fee", amount: 12.5, for: "Anticonstitutionnellement".repeat(5), repeated: true, nights: [] },
  { type: "letter", to: { name: "Sam Rivers", city: "Thunder Bay" } },
  { type: "letter", to: ["ada@example.org", "grace@example.org"] },
  { type: "letter" },
];

let demo;
let browser;
let service;
let folder;

before(async () => {
  const server = createServer((request, answer) => {
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end('<!doctype html><html lang="en"><title>service</title><body data-page="service"><h1>service</h1></body></html>');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  service = { server, url: `http://127.0.0.1:${server.address().port}` };
  folder = await mkdtemp(join(tmpdir(), "parvis-seldom-"));
  const file = join(folder, "services.yaml");
  const counters = Array.from({ length: many }, (_, i) => `
  - id: counter-${i}
    name: {en: "${names(i).en}", fr: "${names(i).fr}"}
    department: {en: Northland Parks, fr: Parcs du Nord}
    redirect_uris: ["${service.url}/callback"]
    post_logout_redirect_uris: ["${service.url}/bye"]
    frontchannel_logout_uri: "${service.url}/framed"
    ${i === 1 ? "" : `start_url: "${service.url}/start"`}
    auth: none
    scopes: [openid]`).join("");
  await writeFile(file, `
partners:${counters}
  - id: application
    name: {en: Northland on the go, fr: Northland en poche}
    department: {en: Northland Parks, fr: Parcs du Nord}
    type: native
    redirect_uris: ["ca.northland.pocket:/callback"]
    auth: none
    scopes: [openid]
  - id: desk
    name: {en: "${longest.en}", fr: "${longest.fr}"}
    department: {en: Northland Parks and Protected Natural Areas, fr: Parcs et aires naturelles protégées du Northland}
    redirect_uris: ["${service.url}/callback"]
    grant_types: [authorization_code, "${cibaGrant}"]
    auth: client_secret_post
    secret: ${secret}
    scopes: [openid, email, phone]
  - id: box
    name: {en: "${longest.en}", fr: "${longest.fr}"}
    department: {en: Northland Parks and Protected Natural Areas, fr: Parcs et aires naturelles protégées du Northland}
    redirect_uris: ["${service.url}/callback"]
    grant_types: [authorization_code, "${deviceGrant}"]
    auth: none
    scopes: [openid, phone]
    authorization_details_types:
      - type: fee
        title: {en: Pay a fee from the account that you keep for the parks and harbours of the North, fr: Payer des frais à partir du compte tenu pour les parcs et les ports du Nord}
        fields:
          amount: {en: Amount, fr: Montant}
          for: {en: For, fr: Pour}
          nights: {en: Nights, fr: Nuits}
          repeated: {en: Every year until you end it yourself, fr: "Chaque année, jusqu’à ce que vous y mettiez fin"}
      - type: letter
        title: {en: Send a letter, fr: Envoyer une lettre}
        fields:
          to: {en: To, fr: Destinataire}
`);
  [demo, browser] = await Promise.all([startDemo("--partner", file), launch()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  service?.server.close();
  await rm(folder, { recursive: true, force: true });
});

async function call(path, fields) {
  return (await fetch(`${demo.issuer}${path}`, { method: "POST", headers: { "user-agent": "NorthlandTV/2 (Linux; Android 14)" }, body: new URLSearchParams(fields) })).json();
}

function authorize(page, client, more = {}) {
  const to = new URL("/authorize", demo.issuer);
  to.search = new URLSearchParams({
    client_id: client, redirect_uri: `${service.url}/callback`, response_type: "code", scope: "openid", state: "s", nonce: "n",
    code_challenge: challenge, code_challenge_method: "S256", ui_locales: page.lang, ...more,
  });
  return to.href;
}

async function enter(page, user) {
  if (await dataPage(page) === "sign-in") await signIn(page, user.email, user.password);
  if (await dataPage(page) === "consent") await allow(page);
}

const active = () => demo.ready.people.filter((p) => p.state === "active" && p.method !== "text");

// One question to somebody, for every kind: they are not asked too often. Its telephone number is read in groups.
let link;
async function question(kind, state) {
  if (link) return link;
  const asked = demo.ready.people.find((p) => p.method === "text");
  const page = await person(browser, kind);
  await page.goto(authorize(page, "desk", { scope: "openid email phone" }));
  await signIn(page, asked.email, asked.password);
  await at(page, "consent");
  await sound(page, state);
  assert.match(await page.locator("dl.facts").first().textContent(), /\+1\u00a0\d{3}-\d{3}-\d{4}/);
  await allow(page);
  await page.context().close();
  const out = await call("/bc-authorize", { client_id: "desk", client_secret: secret, scope: "openid email", login_hint: asked.email });
  assert.ok(out.auth_req_id, JSON.stringify(out));
  return (link = await demo.linkTo(asked.email, "/confirmations/"));
}

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 }, { lang: "fr", width: 1280, script: false },
  ...(all ? [{ lang: "en", width: 320, dark: true }, { lang: "fr", width: 1280 }, { lang: "en", width: 320, script: false }, { lang: "fr", width: 320, dark: true }] : []),
];

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}, JavaScript ${kind.script === false ? "off" : "on"}`;
  const state = (name) => `${name}${kind.dark ? "-dark" : ""}${kind.script === false ? "-plain" : ""}`;

  test(`who opened more services than can be told reads which to leave themselves (${how})`, async () => {
    const page = await person(browser, kind);
    for (let i = 0; i < many; i++) {
      const to = authorize(page, `counter-${i}`);
      if (i > 0 && (await page.context().request.get(to)).url().startsWith(service.url)) continue; // they agreed before
      await page.goto(to);
      await enter(page, active()[0]);
      await at(page, "service");
    }
    await page.goto(`${demo.issuer}/signout`);
    await submit(page, "sign-out");
    await at(page, "signing-out");
    await sound(page, state("untold"));
    const untold = page.locator('ul[aria-labelledby="untold"] li');
    assert.deepEqual(await untold.allTextContents(), [2, 1, 0].map((i) => names(i)[kind.lang]), "the services that were opened first");
    assert.equal(await untold.locator("a").count(), 2, "one says no address");
    assert.equal(await page.locator("[data-frames], meta[http-equiv=refresh]").count(), 0, "it does not go on before it is read");
    await page.click("#continue");
    await at(page, "signed-out");
    await page.context().close();
  });

  test(`an application of the device asks for a sign-in (${how})`, async () => {
    const page = await person(browser, kind);
    await page.goto(authorize(page, "counter-0"));
    await enter(page, active()[0]);
    await page.goto(authorize(page, "application", { redirect_uri: "ca.northland.pocket:/callback" }));
    await at(page, "continue-as");
    await sound(page, state("native"));
    assert.ok((await page.locator("main").textContent()).includes(kind.lang === "fr" ? "Northland en poche" : "Northland on the go"));
    await page.click("#other-account");
    await at(page, "sign-in");
    await page.context().close();
  });

  test(`who is signed in with another account than the one that was asked is told so (${how})`, async () => {
    const asked = await question(kind, state("telephone"));
    const page = await person(browser, kind);
    await page.goto(authorize(page, "counter-0"));
    await enter(page, active()[0]);
    const door = new URL(asked);
    door.searchParams.set("lang", kind.lang);
    await page.goto(door.href);
    await at(page, "confirmation");
    await submit(page, "confirmation");
    await at(page, "confirmation-done");
    await sound(page, state("other"));
    assert.ok((await page.locator("main").textContent()).includes(active()[0].email), "the account that is used is named");
    await page.click("#sign-out");
    await at(page, "sign-out");
    await page.context().close();
  });

  test(`a device wants many things in particular, with long words (${how})`, async () => {
    const user = demo.ready.people.find((p) => p.method === "text");
    const page = await person(browser, kind);
    const asked = await call("/device_authorization", { client_id: "box", scope: "openid phone", authorization_details: JSON.stringify(tasks) });
    assert.ok(asked.user_code, JSON.stringify(asked));
    await page.goto(`${asked.verification_uri_complete}&lang=${kind.lang}`);
    await submit(page, "device");
    await signIn(page, user.email, user.password);
    await at(page, "consent");
    await sound(page, state("many"));
    await allow(page);
    await at(page, "device-confirm");
    await sound(page, state("many"));
    assert.equal(await page.locator("h3").count(), tasks.length);
    assert.equal(await page.locator("dl.facts").count(), tasks.length, "one of the device, and one of each task that has more to say");
    assert.match(await page.locator("h2").first().textContent(), kind.lang === "fr" ? /ces 5 choses/ : /these 5 things/);
    await page.click("#deny");
    await at(page, "device-done");
    await page.context().close();
  });
}

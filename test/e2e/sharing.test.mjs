// What people agree to: a service that asks for much, stays connected, wants to do something in particular,
// and says how it uses what it is told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, dataPage, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress } from "./lib/demo.mjs";
import { startService } from "./lib/service.mjs";
import { allow, codeTo, signIn } from "./lib/steps.mjs";

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
const name = {
  en: "Reservations of campsites, shelters and moorings in the parks of the North",
  fr: "Réservation de campings, de refuges et d’amarrages dans les parcs du Nord",
};
const policy = { en: "https://parks.example.org/privacy", fr: "https://parks.example.org/fr/vie-privee" };
const terms = { en: "https://parks.example.org/terms", fr: "https://parks.example.org/fr/conditions" };
const fee = [
  { type: "fee", amount: "250.00 $", for: "W4 SC 250 ".repeat(12).trim(), repeated: false, nights: ["2026-07-01", "2026-07-02"] },
  { type: "fee", amount: 12.5, for: "Anticonstitutionnellement".repeat(4), repeated: true, nights: [] },
];

const scope = "openid email all_emails phone profile offline_access"; // all that the service may ask for

let demo;
let browser;
let service;

before(async () => {
  [service, browser] = await Promise.all([
    startService("parks", (url) => `
    name: {en: "${name.en}", fr: "${name.fr}"}
    department: {en: Northland Parks and Protected Natural Areas, fr: Parcs et aires naturelles protégées du Northland}
    start_url: "${url}/"
    grant_types: [authorization_code, refresh_token, "${deviceGrant}"]
    auth: none
    scopes: [openid, email, all_emails, phone, profile, offline_access]
    purposes: {email: {en: To send you your reservation, fr: Pour vous envoyer votre réservation}}
    policy_url: {en: "${policy.en}", fr: "${policy.fr}"}
    terms_url: {en: "${terms.en}", fr: "${terms.fr}"}
    authorization_details_types:
      - type: fee
        title: {en: Pay a fee, fr: Payer des frais}
        fields:
          amount: {en: Amount, fr: Montant}
          for: {en: For, fr: Pour}
          nights: {en: Nights, fr: Nuits}
          repeated: {en: Every year, fr: Chaque année}
`), launch()]);
  demo = service.demo;
});
after(async () => { await browser?.close(); await service?.stop(); });

async function addAddress(page) {
  const other = newAddress("a-rather-long-name-that-somebody-really-has");
  await page.goto(`${demo.issuer}/settings`);
  await page.click("#emails-link");
  await page.click("#add-email-link");
  await at(page, "add-email");
  await page.fill("form#add-email [name=email]", other);
  await submit(page, "add-email");
  await at(page, "confirm-new-email");
  await page.fill("form#confirm-new-email [name=code]", await codeTo(demo, other));
  await submit(page, "confirm-new-email");
  await at(page, "emails");
}

// The two addresses that the service names stand on the page, in its language, and lead there without saying from where.
async function leads(page, where) {
  for (const [id, to] of Object.entries({ policy, terms })) {
    const link = where.locator(`a.service-${id}`);
    assert.equal(await link.getAttribute("href"), to[page.lang]);
    assert.deepEqual((await link.getAttribute("rel")).split(" ").sort(), ["noopener", "noreferrer"]);
    assert.equal(await link.getAttribute("target"), null);
  }
}

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 }, { lang: "fr", width: 1280, script: false },
  ...(all ? [{ lang: "en", width: 320, dark: true }, { lang: "fr", width: 1280 }, { lang: "en", width: 320, script: false }] : []),
];

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}, JavaScript ${kind.script === false ? "off" : "on"}`;
  const own = kind.lang === "fr" ? { none: /Rien pour le moment/, task: "Payer des frais", yes: "Oui", no: "Non" } : { none: /Nothing for now/, task: "Pay a fee", yes: "Yes", no: "No" };

  test(`who creates an account reads all that a service receives, and what it says of itself (${how})`, async () => {
    const page = await person(browser, kind);
    const email = await service.create(page, scope, "shares");
    await sound(page, "much");
    const shared = await page.locator("dl.facts").first().textContent();
    assert.match(shared, own.none);
    assert.ok(shared.includes(email));
    await leads(page, page.locator("main"));
    await service.agree(page);
    await page.goto(`${demo.issuer}/services`);
    await at(page, "connected-services");
    await sound(page, "with-words");
    await leads(page, page.locator("#service-parks"));

    // With a second address there is a choice; the list of all of them is told in any case.
    await addAddress(page);
    await service.come(page, scope, { prompt: "consent", authorization_details: JSON.stringify(fee) });
    await at(page, "consent");
    await sound(page, "choice");
    assert.equal(await page.locator("form#consent input[type=radio]").count(), 2);
    assert.ok((await page.locator("h3").first().textContent()).includes(own.task));
    const tasks = page.locator("dl.facts");
    assert.equal(await tasks.count(), 3);
    assert.ok((await tasks.nth(1).textContent()).includes(own.no));
    assert.ok((await tasks.nth(2).textContent()).includes(own.yes));
    await page.click("#deny");
    await at(page, "service-callback");
    assert.equal(new URL(page.url()).searchParams.get("error"), "access_denied");
    await page.context().close();
  });

  test(`a number that was given is told, and a device asks for something in particular (${how})`, async () => {
    const page = await person(browser, kind);
    const user = demo.ready.people.find((p) => p.method === "text");
    const asked = await (await fetch(`${demo.issuer}/device_authorization`, {
      method: "POST", body: new URLSearchParams({ client_id: "parks", scope: "openid phone", authorization_details: JSON.stringify(fee.slice(0, 1)) }),
    })).json();
    await page.goto(`${asked.verification_uri_complete}&lang=${kind.lang}`);
    await submit(page, "device");
    await signIn(page, user.email, user.password);
    await at(page, "consent");
    await sound(page, "device");
    assert.ok((await page.locator("dl.facts").first().textContent()).replace(/\D/g, "").includes(user.number.replace(/\D/g, "").slice(1)));
    await allow(page);
    await at(page, "device-confirm");
    await sound(page, "particular");
    assert.ok((await page.locator("main").textContent()).includes(own.task), "the device's question says what is allowed");
    await page.click("#allow");
    await at(page, "device-done");
    assert.equal(await dataPage(page), "device-done");
    await page.context().close();
  });
}

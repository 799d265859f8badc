// A service asks somebody who is not in front of it to confirm (CIBA), in a real browser: the mail, or the text
// message, leads to the door, its reader signs in, sees who asks what, and allows or refuses it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit, words } from "./lib/browser.mjs";
import { newAddress } from "./lib/demo.mjs";
import { startService } from "./lib/service.mjs";
import { allow, createByCode, goodPassword, newPhone, notNow, setUpPhone, signIn } from "./lib/steps.mjs";

const grant = "urn:openid:params:grant-type:ciba";
const secret = "only-for-this-journey-0123456789-0123456789";
const scope = "openid email";
const message = "W4 SC 250";
const names = { en: "Camping reservations", fr: "Réservations de camping" };

let demo;
let browser;
let service;

before(async () => {
  [service, browser] = await Promise.all([
    startService("counter", () => `
    name: {en: ${names.en}, fr: ${names.fr}}
    department: {en: Northland Parks, fr: Parcs du Nord}
    grant_types: [authorization_code, "${grant}"]
    auth: client_secret_post
    secret: ${secret}
    scopes: [openid, email]
`), launch()]);
  demo = service.demo;
});
after(async () => { await browser?.close(); await service?.stop(); });

async function call(path, fields) {
  const answer = await fetch(`${demo.issuer}${path}`, { method: "POST", body: new URLSearchParams({ client_id: "counter", client_secret: secret, ...fields }) });
  return answer.json();
}

// What the service hears of its question, which it asks no more often than it may.
async function told(code) {
  await demo.advance("6s");
  return call("/token", { grant_type: grant, auth_req_id: code });
}

// The service asks; gives its code and the link of the mail.
async function asks(email, more = {}) {
  const leads = (l) => l.includes("/confirmations/");
  const known = (await demo.mails(email)).filter((m) => m.links.some(leads)).length;
  const out = await call("/bc-authorize", { scope, login_hint: email, ...more });
  assert.ok(out.auth_req_id, JSON.stringify(out));
  const mail = await demo.newest(email, (m) => m.links.some(leads), known);
  return { code: out.auth_req_id, link: mail.links.find(leads) };
}

// Somebody who created an account from the service and agreed to what it is told.
async function agreed(kind, name) {
  const page = await person(browser, kind);
  const email = await service.create(page, scope, name);
  await service.agree(page);
  return { page, email };
}

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 }, { lang: "fr", width: 320, script: false },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 320, dark: true }, { lang: "en", width: 1280, script: false }] : []),
];

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}, JavaScript ${kind.script === false ? "off" : "on"}`;

  test(`who is asked by mail signs in, reads what is asked and allows it (${how})`, async () => {
    const { page, email } = await agreed(kind, "confirms");
    await page.context().close();
    const { code, link } = await asks(email, { binding_message: message });
    const reader = await person(browser, kind); // the mail is read at another browser
    await reader.goto(link);
    await at(reader, "confirmation");
    assert.ok(!(await reader.textContent("main")).includes(names[kind.lang]), "the door says who asks");
    await sound(reader);
    await submit(reader, "confirmation");
    await signIn(reader, email, goodPassword);
    await at(reader, "confirmation-question");
    await sound(reader);
    assert.equal(await reader.textContent("#binding-message"), message);
    assert.ok((await reader.textContent("h1")).includes(names[kind.lang]));
    assert.equal(await reader.locator("#times").count(), 1, "the zone of the time is named");
    assert.equal((await told(code)).error, "authorization_pending");
    await reader.goto(`${demo.issuer}/services`);
    await at(reader, "connected-services");
    await reader.click("#confirmations-link");
    await at(reader, "confirmations");
    await sound(reader);
    await reader.locator('a[id^="open-"]').click();
    await at(reader, "confirmation");
    await submit(reader, "confirmation");
    await at(reader, "confirmation-question");
    await reader.click("#allow");
    await at(reader, "confirmation-done");
    await sound(reader, "allowed");
    assert.equal(await reader.locator("#confirmation-allowed").count(), 1);
    const got = await told(code);
    assert.ok(got.access_token && got.id_token, JSON.stringify(got));
    await reader.goto(link); // it was answered
    await submit(reader, "confirmation");
    await at(reader, "confirmation-done");
    await sound(reader, "over");
    assert.equal(await reader.locator("#confirmation-over").count(), 1);
    await reader.context().close();
  });

  test(`who refuses is led to what to do when somebody else asked (${how})`, async () => {
    const { page, email } = await agreed(kind, "refuses");
    const { code, link } = await asks(email);
    await page.goto(link);
    await at(page, "confirmation");
    await submit(page, "confirmation");
    await at(page, "confirmation-question"); // signed in already
    assert.equal(await page.locator("#binding-message").count(), 0);
    await page.click("#deny");
    await at(page, "confirmation-done");
    await sound(page, "denied");
    assert.equal(await page.locator("#confirmation-denied").count(), 1);
    assert.equal((await told(code)).error, "access_denied");
    await page.click("#not-me");
    await at(page, "secure");
    await page.context().close();
  });
}

for (const kind of kinds.filter((k) => k.script === false || k.lang === "en")) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}, JavaScript ${kind.script === false ? "off" : "on"}`;

  test(`who has a telephone is told by text, too, opens its address and allows it (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("texted");
    const number = newPhone();
    await createByCode(page, demo, demo.strict, email);
    await setUpPhone(page, demo, number);
    await notNow(page);
    await allow(page);
    await service.come(page, scope);
    await service.agree(page);
    await page.context().close();
    const known = (await demo.mails(number)).length;
    const { code, link } = await asks(email, { binding_message: message });
    const { text } = await demo.mail(number, known);
    assert.ok(text.includes(names[kind.lang]) && !text.includes(message), text);
    const address = text.match(/https?:\S+$/)[0];
    assert.equal(address, link, "the text leads where the mail leads");
    const reader = await person(browser, { ...kind, lang: words[kind.lang].other }); // a browser of the other language
    reader.lang = kind.lang;
    await reader.goto(address);
    await at(reader, "confirmation");
    assert.ok(!(await reader.textContent("main")).includes(names[kind.lang]), "the door says who asks");
    await sound(reader, "texted");
    await submit(reader, "confirmation");
    await signIn(reader, email, goodPassword);
    await at(reader, "confirmation-question");
    await sound(reader, "texted");
    assert.equal(await reader.textContent("#binding-message"), message);
    await reader.click("#allow");
    await at(reader, "confirmation-done");
    await sound(reader, "texted");
    const got = await told(code);
    assert.ok(got.access_token && got.id_token, JSON.stringify(got));
    await reader.goto(`${demo.issuer}/settings/activity`);
    await at(reader, "activity");
    assert.match(await reader.textContent("main"), kind.lang === "fr" ? /Message texte au sujet d’une demande de confirmation/ : /Text message about what to confirm/);
    await sound(reader, "texted");
    await reader.context().close();
  });
}

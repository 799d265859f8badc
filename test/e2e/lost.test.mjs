// Every method is lost, in a real browser: removed with the password and a code by e-mail, stopped and brought back by
// the links of mails and texts, and a forgotten password beside it, with the clock moved.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, codesTo, codeTo, createByCode, goodPassword, newPhone, notNow, openService, setUpPhone, signIn } from "./lib/steps.mjs";
import { appCode } from "./lib/totp.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 1280, dark: true }, { lang: "fr", width: 320, dark: true }] : []),
];

// An account whose one method is a telephone.
async function withPhone(kind, name) {
  const page = await person(browser, kind);
  const email = newAddress(name);
  const number = newPhone();
  await createByCode(page, demo, demo.strict, email);
  await setUpPhone(page, demo, number);
  await notNow(page);
  await allow(page);
  return { page, email, number };
}

async function setUpApp(page) {
  await at(page, "set-up-method");
  await page.locator("form#set-up-app button").click();
  await at(page, "set-up-app");
  const key = (await page.locator("#key").textContent()).replaceAll(" ", "");
  await page.fill("form#set-up-app [name=code]", appCode(key, demo.now()));
  await submit(page, "set-up-app");
  return key;
}

// The link of a recovery in the newest message to an address or number whose text says something.
async function recoveryLink(to, says) {
  const links = (m) => [...(m.links ?? []), ...(m.text ?? "").split(/\s+/)].filter((l) => l.includes("/recovery/"));
  const mail = await demo.newest(to, (m) => links(m).length > 0 && says.test(`${m.subject ?? ""} ${m.text ?? ""}`));
  return links(mail)[0];
}

// From the service to the page that says what losing everything means.
async function toLost(page, email, password = goodPassword) {
  await page.context().clearCookies();
  await openService(page, demo.strict);
  await signIn(page, email, password);
  await at(page, "second-step");
  await page.click("#another-way-link");
  await at(page, "another-way");
  await page.click("#lost-link");
  await at(page, "lost-method");
}

async function recover(page, email) {
  const before = await codesTo(demo, email);
  await submit(page, "send-code");
  await at(page, "lost-method");
  await page.fill("form#lost-method [name=code]", await codeTo(demo, email, before));
  await submit(page, "lost-method");
}

const said = {
  en: { removed: /were removed/, waits: /asked to recover/, open: /can now recover|waiting time is over/, back: /methods are back/, stopped: /was stopped/ },
  fr: { removed: /ont été supprimées/, waits: /demandé à récupérer/, open: /pouvez maintenant récupérer/, back: /sont rétablies/, stopped: /a été arrêtée/ },
};

for (const kind of kinds) {
  test(`the pages of somebody who lost every method are sound (${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""})`, async () => {
    const { page, email } = await withPhone(kind, "a-rather-long-name-that-somebody-really-has");
    await toLost(page, email);
    await sound(page);
    const before = await codesTo(demo, email);
    await submit(page, "send-code");
    await at(page, "lost-method");
    await sound(page, "sent");
    const right = await codeTo(demo, email, before);
    await page.fill("form#lost-method [name=code]", right === "000000" ? "000001" : "000000");
    await submit(page, "lost-method");
    await at(page, "lost-method");
    await sound(page, "wrong");
    await page.fill("form#lost-method [name=code]", right);
    await submit(page, "lost-method");
    await at(page, "set-up-method");
    await sound(page, "after-loss");
    await setUpApp(page);
    await at(page, "not-yet");
    await sound(page);
    await page.goto(`${demo.issuer}/settings/methods`);
    await at(page, "methods");
    await sound(page, "after-loss");
    const link = await recoveryLink(email, said[kind.lang].removed);
    await page.goto(link);
    await at(page, "recovery-link");
    await sound(page, "undo");
    await submit(page, "recovery-link");
    await at(page, "recovery-link");
    await sound(page, "undone");
    await page.goto(`${demo.issuer}/recovery/nothing`);
    await sound(page, "unknown");
    await page.context().close();
  });
}

for (const [lang, script] of [["en", true], ["en", false], ["fr", true], ["fr", false]]) {
  const how = `${lang}, JavaScript ${script ? "on" : "off"}`;

  test(`a lost telephone is replaced, and counts for the strong service after two days (${how})`, async () => {
    const { page, email } = await withPhone({ lang, script }, "loses");
    await toLost(page, email);
    await recover(page, email);
    const key = await setUpApp(page);
    await at(page, "not-yet");
    await openService(page, demo.plain);
    await allow(page);
    assert.ok(page.url().startsWith(demo.plain.url), page.url());
    await openService(page, demo.strict);
    await at(page, "not-yet");
    await demo.advance("48h1m");
    await page.context().clearCookies();
    await openService(page, demo.strict);
    await signIn(page, email, goodPassword);
    await at(page, "second-step");
    await page.fill("form#second-step [name=code]", appCode(key, demo.now()));
    await submit(page, "second-step");
    await page.waitForLoadState();
    assert.ok(page.url().startsWith(demo.strict.url), page.url());
    await page.context().close();
  });

  test(`the link of a text brings a stolen method back, without signing in (${how})`, async () => {
    const { page: thief, email, number } = await withPhone({ lang, script }, "robbed");
    await toLost(thief, email);
    await recover(thief, email);
    await setUpApp(thief);
    await at(thief, "not-yet");
    const owner = await person(browser, { lang, script });
    await owner.goto(await recoveryLink(number, said[lang].removed));
    await at(owner, "recovery-link");
    await owner.reload(); // opening it changes nothing
    await submit(owner, "recovery-link");
    await at(owner, "recovery-link");
    await owner.locator("#reset-link").waitFor();
    await thief.goto(`${demo.issuer}/settings/methods`);
    assert.notEqual(await thief.locator("body").getAttribute("data-page"), "methods");
    await recoveryOver(email, said[lang].back);
    await owner.context().close();
    await thief.context().close();
  });
}

const recoveryOver = (email, says) => demo.newest(email, (m) => says.test(m.subject));

// A new password with a code of the mailbox.
async function forget(page, email, password) {
  await page.context().clearCookies();
  const before = await codesTo(demo, email);
  await page.goto(`${demo.issuer}/signin?start=forgot-password`);
  await at(page, "forgot-password");
  await page.fill("form#forgot-password [name=email]", email);
  await submit(page, "forgot-password");
  await at(page, "check-email");
  await page.fill("form#check-email [name=code]", await codeTo(demo, email, before));
  await submit(page, "check-email");
  await at(page, "reset-password");
  await page.fill("form#reset-password [name=password]", password);
  await submit(page, "reset-password");
  await at(page, "sign-in");
}

for (const [lang, script] of [["en", false], ["fr", true]]) {
  const how = `${lang}, JavaScript ${script ? "on" : "off"}`;
  const fresh = "nine grey herons by the lake";

  test(`a forgotten password and a lost telephone lead back in after the wait, on another device (${how})`, async () => {
    const { page, email, number } = await withPhone({ lang, script }, "forgets");
    await forget(page, email, fresh);
    await toLost(page, email, fresh);
    await recover(page, email);
    await at(page, "lost-method");
    await sound(page, "waits");
    await page.goto(await recoveryLink(number, said[lang].waits));
    await sound(page, "stop"); // looked at, not used
    await demo.advance("48h1m");
    const other = await person(browser, { lang, script });
    await other.goto(await recoveryLink(email, said[lang].open));
    await at(other, "recovery-link");
    await sound(other, "finish");
    await submit(other, "recovery-link");
    await sound(other, "done");
    const before = await codesTo(demo, email);
    await openService(other, demo.strict);
    await signIn(other, email, fresh); // the code goes out with the right password
    await at(other, "second-step");
    await other.fill("form#second-step [name=code]", await codeTo(demo, email, before));
    await submit(other, "second-step");
    await setUpApp(other);
    await at(other, "not-yet");
    await other.context().close();
    await page.context().close();
  });

  test(`whoever reads a text stops a recovery that waits, without signing in (${how})`, async () => {
    const { page: thief, email, number } = await withPhone({ lang, script }, "stops");
    await forget(thief, email, fresh);
    await toLost(thief, email, fresh);
    await recover(thief, email);
    const owner = await person(browser, { lang, script });
    await owner.goto(await recoveryLink(number, said[lang].waits));
    await at(owner, "recovery-link");
    await submit(owner, "recovery-link");
    await owner.locator("#reset-link").waitFor();
    await sound(owner, "stopped");
    await recoveryOver(email, said[lang].stopped);
    await owner.context().close();
    await thief.context().close();
  });
}

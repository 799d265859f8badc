// Leaving in a real browser: an account is deleted, kept by the link of a mail or by signing in, and gone after its time.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, createByCode, goodPassword, openService, signIn } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 1280, dark: true }, { lang: "fr", width: 320, dark: true }] : []),
];

async function account(kind, name) {
  const page = await person(browser, kind);
  const email = newAddress(name);
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  return { page, email };
}

// From the settings to the page that says that the account will be deleted.
async function leave(page) {
  await page.goto(`${demo.issuer}/settings`);
  await at(page, "settings");
  await page.click("#delete-link");
  await at(page, "delete-account");
  await submit(page, "delete-account");
  await at(page, "closing-link");
}

// The link in the newest mail to an address that leads below a path.
const linkIn = (email, path) => demo.linkTo(email, path);

const mailThat = (email, subject) => demo.newest(email, (m) => subject.test(m.subject));

for (const kind of kinds) {
  test(`the pages of deleting an account are sound (${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""})`, async () => {
    const { page, email } = await account(kind, "a-rather-long-name-that-somebody-really-has");
    await page.goto(`${demo.issuer}/settings`);
    await sound(page, "delete-offered");
    await page.click("#delete-link");
    await at(page, "delete-account");
    await sound(page);
    await submit(page, "delete-account");
    await at(page, "closing-link");
    await sound(page, "asked");
    await page.goto(await linkIn(email, "/closing/"));
    await sound(page, "open");

    await openService(page, demo.plain);
    await signIn(page, email, goodPassword);
    await at(page, "closing");
    await sound(page);

    await page.goto(await linkIn(email, "/closing/"));
    await submit(page, "closing-link");
    await at(page, "closing-link");
    await sound(page, "kept");
    await page.goto(`${demo.issuer}/closing/nothing`);
    await sound(page, "none");
    await page.context().close();
  });
}

for (const kind of kinds) {
  test(`the pages of what is held are sound (${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""})`, async () => {
    const { page } = await account(kind, "a-rather-long-name-that-somebody-really-has");
    await page.goto(`${demo.issuer}/settings`);
    await page.click("#data-link");
    await at(page, "data");
    await sound(page);
    await page.click("#show");
    await at(page, "data-page");
    await sound(page);
    await page.context().close();
  });
}

for (const [lang, script] of [["en", true], ["fr", false]]) {
  test(`what is held is downloaded as a file (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
    const { page, email } = await account({ lang, script }, "curious");
    await page.goto(`${demo.issuer}/settings/data`);
    await at(page, "data");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    assert.equal(download.suggestedFilename(), "account-data.json");
    const text = await readFile(await download.path(), "utf8");
    const data = JSON.parse(text);
    assert.equal(data.format, "parvis.account-data.1");
    assert.equal(data.addresses[0].address, email);
    assert.ok(data.activity.some((e) => e.event === "account.activated"), text.slice(0, 500));
    await mailThat(email, lang === "fr" ? /données .* ont été demandées/ : /data was requested/);
    await page.context().close();
  });
}

for (const [lang, script] of [["en", true], ["en", false], ["fr", true], ["fr", false]]) {
  test(`whoever changes their mind signs in and keeps the account (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
    const { page, email } = await account({ lang, script }, "stays");
    await leave(page);
    await page.goto(`${demo.issuer}/settings`);
    await signIn(page, email, goodPassword);
    await at(page, "closing");
    await openService(page, demo.plain);
    await at(page, "closing");
    await follow(page, "form#keep-account #keep");
    assert.ok(page.url().startsWith(demo.plain.url), page.url());
    await mailThat(email, lang === "fr" ? /ne sera pas supprimé/ : /will not be deleted/);
    await page.context().close();
  });
}

test("after its time a deleted account is gone, and its address is free again", async () => {
  const { page, email } = await account({ lang: "en" }, "goes");
  await leave(page);
  const link = await linkIn(email, "/closing/");
  await demo.advance("169h");
  await mailThat(email, /account was removed/);
  await page.goto(link);
  await at(page, "closing-link");
  await sound(page, "finished");
  await createByCode(page, demo, demo.plain, email);
  await at(page, "consent");
  await page.context().close();
});

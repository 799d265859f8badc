// Two accounts of one person in a real browser: merged, undone from either side, and final after a week.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, codesTo, codeTo, createByCode, enterCode, goodPassword, openService, signIn } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 1280, dark: true }, { lang: "fr", width: 320, dark: true }] : []),
];

// An account that has been at both example services, or at one.
async function account(kind, name, services = [demo.plain, demo.strict]) {
  const page = await person(browser, kind);
  const email = newAddress(name);
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  if (services.includes(demo.strict)) {
    await openService(page, demo.strict, "urn:parvis:acr:1");
    if ((await page.locator("#allow").count()) > 0) await allow(page);
  }
  return { page, email };
}

// Signs in by the best that an account without an app has.
async function prove(page, email) {
  const sent = await codesTo(demo, email);
  await signIn(page, email, goodPassword);
  await enterCode(page, await codeTo(demo, email, sent));
}

// From the settings of the account that stays to the page that shows both.
async function toBoth(page, other) {
  await page.goto(`${demo.issuer}/settings`);
  await at(page, "settings");
  await page.click("#merge-link");
  await at(page, "merge");
  await submit(page, "merge");
  await prove(page, other);
  await at(page, "merge-both");
}

async function merge(page, which) {
  for (const group of await page.locator(`form#merge-both input[type=radio][value=${which}]`).all()) await group.check();
  await submit(page, "merge-both");
  await at(page, "settings");
}

// The newest mail to an address that a test looks for.
const mailThat = (email, fits) => demo.newest(email, fits);

// The link about a merging in the newest mail to an address.
async function mergeLink(email) {
  const about = (l) => l.includes("/merged/");
  return (await mailThat(email, (m) => m.links.some(about))).links.find(about);
}

for (const kind of kinds) {
  test(`the pages of merging two accounts are sound (${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""})`, async () => {
    const first = await account(kind, "a-rather-long-name-that-somebody-really-has");
    const second = await account(kind, "another-rather-long-name-that-somebody-has");
    const { page } = first;
    await page.goto(`${demo.issuer}/settings`);
    await sound(page, "merge-offered");
    await page.click("#merge-link");
    await at(page, "merge");
    await sound(page);
    await submit(page, "merge");
    await at(page, "sign-in");
    await sound(page, "other-account");
    await submit(page, "sign-in");
    await sound(page, "error");
    const back = page.url();
    await openService(page, demo.plain); // a service, while the first account is set aside
    await at(page, "sign-in");
    assert.equal(await page.locator("form#aside").count(), 1, "who is still signed in is not told");
    await sound(page, "held");
    await page.goto(back);
    await at(page, "sign-in");
    await prove(page, second.email);
    await at(page, "merge-both");
    await sound(page);
    await submit(page, "merge-both");
    await sound(page, "error");
    await merge(page, "second");
    await sound(page, "merged");
    const link = await mergeLink(first.email);
    await page.goto(link);
    await at(page, "merge-link");
    await sound(page);
    await page.click("#undo");
    await at(page, "merge-undo");
    await sound(page);

    await openService(second.page, demo.plain);
    await prove(second.page, second.email);
    await at(second.page, "merged");
    await sound(second.page);

    await submit(page, "merge-undo");
    await at(page, "settings");
    await sound(page, "merge-undone");
    await page.goto(link);
    await sound(page, "undone");
    await page.goto(`${demo.issuer}/merged/nothing`);
    await sound(page, "none");

    await page.goto(`${demo.issuer}/settings/merge`);
    await submit(page, "merge");
    await prove(page, first.email);
    await at(page, "merge-stopped");
    await sound(page);
    await submit(page, "merge-cancel");
    await at(page, "settings");
    await page.context().close();
    await second.page.context().close();
  });
}

for (const [lang, script] of [["en", true], ["en", false], ["fr", true], ["fr", false]]) {
  const how = `${lang}, JavaScript ${script ? "on" : "off"}`;

  test(`the owner of a merged account finds out at the next sign-in, and takes it back (${how})`, async () => {
    const first = await account({ lang, script }, "stays");
    const second = await account({ lang, script }, "goes");
    await toBoth(first.page, second.email);
    await merge(first.page, "second");
    assert.match(await first.page.textContent("main"), lang === "fr" ? /Vos comptes sont fusionnés/ : /Your accounts are merged/);

    // Every browser of the second account is signed out; a service gets nobody there.
    await openService(second.page, demo.plain);
    await prove(second.page, second.email);
    await at(second.page, "merged");
    await openService(second.page, demo.plain);
    await at(second.page, "merged");
    await follow(second.page, "form#undo-merge #undo");
    assert.ok(second.page.url().startsWith(demo.plain.url), second.page.url());
    for (const { email } of [first, second]) await mailThat(email, (m) => /separate again|de nouveau séparés/.test(m.subject));
    await first.page.context().close();
    await second.page.context().close();
  });

  test(`who changes their mind on the way keeps both accounts (${how})`, async () => {
    const first = await account({ lang, script }, "stays", [demo.plain]);
    const second = await account({ lang, script }, "goes", [demo.plain]);
    const { page } = first;
    await page.goto(`${demo.issuer}/settings/merge`);
    await submit(page, "merge");
    await at(page, "sign-in");
    await page.click("form#merge-cancel #cancel-merge");
    await at(page, "settings");
    assert.match(await page.textContent("main"), new RegExp(first.email.split("@")[0]));
    await toBoth(page, second.email);
    await page.click("form#merge-cancel #keep");
    await at(page, "settings");
    assert.match(await page.textContent("main"), new RegExp(first.email.split("@")[0]));
    await second.page.goto(`${demo.issuer}/services`);
    await at(second.page, "connected-services");
    await page.context().close();
    await second.page.context().close();
  });
}

test("after a week a merging is final, and its address is free again", async () => {
  const first = await account({ lang: "en" }, "stays", [demo.plain]);
  const second = await account({ lang: "en" }, "goes", [demo.plain]);
  await toBoth(first.page, second.email);
  await merge(first.page, "first");
  const link = await mergeLink(second.email);
  await demo.advance("169h");
  await mailThat(second.email, (m) => /account was removed/.test(m.subject));
  await first.page.goto(link);
  await at(first.page, "merge-link");
  await sound(first.page, "finished");
  await createByCode(second.page, demo, demo.plain, second.email);
  await at(second.page, "consent");
  await first.page.context().close();
  await second.page.context().close();
});

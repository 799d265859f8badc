// Who cannot do it themselves asks the staff by the contact form, and confirms it by mail: screens and journey.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, createByCode } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280, script: true }, { lang: "fr", width: 320, script: true }, { lang: "fr", width: 1280, script: false },
  ...(all ? [{ lang: "en", width: 320, script: true }, { lang: "en", width: 320, script: false }, { lang: "fr", width: 320, script: true, dark: true }] : []),
];

// The link of a mail to an address that asks to confirm a request, beyond those seen.
const confirmLink = (email, seen = []) => demo.linkTo(email, "/assist/", seen);

async function ask(page, email, about) {
  await page.goto(`${demo.issuer}/${page.lang}/contact`);
  await page.fill("form#contact [name=email]", email);
  await page.check(`form#contact [name=about][value=${about}]`);
  await submit(page, "contact");
  await at(page, "contact-sent");
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px, JavaScript ${kind.script ? "on" : "off"}${kind.dark ? ", dark" : ""}`;
  test(`a request to the staff is confirmed by who reads the account's mail (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("a-rather-long-name-that-somebody-really-has");
    await createByCode(page, demo, demo.plain, email);
    await allow(page);
    await ask(page, email, "unlink");
    await sound(page, "assist");
    const first = await confirmLink(email);
    await page.goto(first);
    await at(page, "assist"); // no partner is linked
    await sound(page, "none");
    await ask(page, email, "close");
    await page.goto(await confirmLink(email, [first]));
    await at(page, "assist");
    await sound(page, "close");
    await submit(page, "assist");
    await at(page, "assist");
    await sound(page, "confirmed");
    assert.equal(await page.locator("form#assist").count(), 0);
    await page.goto(`${demo.issuer}/assist/nothing`);
    await sound(page, "over");
    await page.context().close();
  });
}

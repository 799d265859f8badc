// Profile and security: addresses, password and language of an account, in a real browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, codeTo, createByCode } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

for (const kind of [{ lang: "en", width: 1280 }, { lang: "fr", width: 320, script: false }, { lang: "fr", width: 320 }]) {
  const how = `${kind.lang}, ${kind.width} px${kind.script === false ? ", no script" : ""}`;

  test(`an address is added, made main, and put back by the older one (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("profile");
    await createByCode(page, demo, demo.plain, email);
    await allow(page);
    await page.goto(`${demo.issuer}/settings`);
    await at(page, "settings");
    await sound(page);
    await page.click("#emails-link");
    await at(page, "emails");
    await sound(page);
    await page.click("#add-email-link");
    await at(page, "add-email");
    await sound(page);
    await submit(page, "add-email");
    await at(page, "add-email");
    await sound(page, "error");
    const other = newAddress("anticonstitutionnellement.anticonstitutionnellement");
    await page.fill("form#add-email [name=email]", other);
    await submit(page, "add-email");
    await at(page, "confirm-new-email");
    await sound(page);
    await page.fill("form#confirm-new-email [name=code]", await codeTo(demo, other));
    await submit(page, "confirm-new-email");
    await at(page, "emails");
    await sound(page, "added");
    await page.locator("a[href$='/remove']").first().click();
    await at(page, "remove-email");
    await sound(page);
    await page.click("#keep");
    await page.locator("a[href$='/main']").first().click();
    await at(page, "main-email");
    await sound(page);
    await submit(page, "main-email");
    await at(page, "emails");
    await sound(page, "main");
    const undo = await demo.linkTo(email, "/address/"); // the older address is told, with a way back
    await page.goto(undo);
    await at(page, "undo-email");
    await sound(page);
    await submit(page, "undo-email");
    await at(page, "undo-email");
    await sound(page, "undone");
    await page.goto(`${demo.issuer}/settings`);
    assert.notEqual(await page.locator("body").getAttribute("data-page"), "settings", "everybody is signed out");
    await page.context().close();
  });

  test(`the password and the language are changed in the settings (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("profile");
    await createByCode(page, demo, demo.plain, email);
    await allow(page);
    await page.goto(`${demo.issuer}/.well-known/change-password`);
    await at(page, "change-password");
    await sound(page);
    await page.fill("form#change-password [name=password]", "short");
    await submit(page, "change-password");
    await at(page, "change-password");
    await sound(page, "error");
    await page.fill("form#change-password [name=password]", "violet drum beside the window 4");
    await submit(page, "change-password");
    await at(page, "settings");
    await sound(page, "changed");
    await page.click("#change-language-link");
    await at(page, "language");
    await sound(page);
    page.lang = kind.lang === "fr" ? "en" : "fr";
    await page.check(`form#language [value=${page.lang}]`);
    await submit(page, "language");
    await at(page, "settings");
    await sound(page, "language");
    await page.context().close();
  });
}

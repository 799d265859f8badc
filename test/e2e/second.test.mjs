// Second steps in a real browser: set up on the way to a service, with and without
// JavaScript, and what scripts add.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, createByCode, goodPassword, newPhone, openService, signIn, twoFactors } from "./lib/steps.mjs";
import { appCode } from "./lib/totp.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const atService = (page, service) => assert.ok(page.url().startsWith(service.url), `expected the service ${service.url}, found ${page.url()}`);

// An account at the page that lets somebody choose what to set up.
async function toSetUp(kind, name) {
  const page = await person(browser, kind);
  const email = newAddress(name);
  await createByCode(page, demo, demo.plain, email);
  await openService(page, demo.plain, twoFactors);
  await at(page, "set-up-method");
  return { page, email };
}

async function setUpApp(page) {
  await page.click("form#set-up-app button");
  await at(page, "set-up-app");
  const key = await page.locator("#key").textContent();
  await page.fill("#code", appCode(key, demo.now()));
  await submit(page, "set-up-app");
  await at(page, "set-up-another");
  return key;
}

for (const lang of ["en", "fr"]) {
  for (const script of [true, false]) {
    test(`an app is set up on the way to a service, and proves the next sign-in (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
      const { page, email } = await toSetUp({ lang, script }, "app");
      const key = await setUpApp(page);
      await page.click("#not-now");
      await allow(page);
      atService(page, demo.plain);
      assert.ok((await page.locator("main").innerText()).includes(twoFactors), "the service is told the level");
      await page.context().close();

      await demo.advance("30s"); // each code of an app works once
      const later = await person(browser, { lang, script });
      await openService(later, demo.plain, twoFactors);
      await signIn(later, email, goodPassword);
      await at(later, "second-step");
      await later.fill("#code", appCode(key, demo.now()));
      await submit(later, "second-step");
      atService(later, demo.plain);
      await later.context().close();
    });
  }
}

test("backup codes are downloaded without JavaScript, and printed and copied with it", async () => {
  const { page: plain } = await toSetUp({ script: false }, "download");
  await plain.click("form#set-up-backup button");
  await at(plain, "set-up-backup");
  assert.equal(await plain.locator("button.print:visible, button.copy:visible").count(), 0);
  const codes = await plain.locator("#codes li").allTextContents();
  const [download] = await Promise.all([plain.waitForEvent("download"), plain.click("#download-link")]);
  assert.equal(download.suggestedFilename(), "backup-codes.txt");
  const text = await new Response(await download.createReadStream()).text();
  for (const code of codes) assert.ok(text.includes(code), `${code} is missing in ${text}`);
  await plain.context().close();

  const { page } = await toSetUp({}, "print");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.click("form#set-up-backup button");
  await at(page, "set-up-backup");
  await page.click("button.copy");
  await page.waitForFunction(() => document.querySelector("button.copy").textContent === document.querySelector("button.copy").dataset.copied);
  const shown = await page.locator("#codes li").allTextContents();
  assert.deepEqual((await page.evaluate(() => navigator.clipboard.readText())).split("\n"), shown);
  await page.evaluate(() => { window.print = () => { document.title = "printed"; }; });
  await page.click("button.print");
  assert.equal(await page.title(), "printed");
  await page.emulateMedia({ media: "print" });
  const words = (await page.locator("body").innerText()).trim().split(/\s*\n\s*/);
  assert.equal(words.length, shown.length + 1, `on paper stands: ${words.join(" | ")}`); // the codes, and whose and of when they are
  await page.context().close();
});

test("a code that arrives by text message on this device goes into its field by itself", async () => {
  const { page } = await toSetUp({}, "texted");
  await page.addInitScript(() => {
    window.OTPCredential = class {};
    navigator.credentials.get = async (asked) => (asked.otp?.transport?.includes("sms") ? { code: "402917" } : null);
  });
  await page.click("form#set-up-text button");
  await at(page, "set-up-phone");
  await page.fill("#number", newPhone());
  await submit(page, "set-up-phone");
  await at(page, "confirm-phone");
  await page.waitForFunction(() => document.getElementById("code").value === "402917");
  await page.context().close();
});

test("a wait is counted, and its end is announced", async () => {
  const { page, email } = await toSetUp({}, "wait");
  await setUpApp(page);
  await page.context().close();
  const later = await person(browser);
  await later.clock.install();
  await openService(later, demo.plain, twoFactors);
  await signIn(later, email, goodPassword);
  for (let i = 0; i < 5; i++) {
    await at(later, "second-step");
    await later.fill("#code", "000000");
    await submit(later, "second-step");
  }
  const line = later.locator(".countdown");
  assert.match(await line.textContent(), /15\sminutes/);
  await later.clock.fastForward("10:30");
  assert.match(await line.textContent(), /5\sminutes/);
  const status = later.locator(".countdown + [role=status]");
  assert.equal(await status.textContent(), "");
  await later.clock.fastForward("05:00");
  assert.equal(await status.textContent(), "You can try again now.");
  await later.context().close();
});

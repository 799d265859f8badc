// Every screen × language × {ok, error}: axe, language, title, one h1, no sideways scroll.
// Without AXE=all a representative part: English at 1280 px, French at 320 px.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, askForAccount, choosePassword, codesTo, createByCode, goodPassword, newPhone, openService, signIn, twoFactors, twoSteps } from "./lib/steps.mjs";
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

async function fail(page, form, fields) {
  for (const [name, value] of Object.entries(fields)) await page.fill(`form#${form} [name=${name}]`, value);
  await submit(page, form);
  await sound(page, "error");
}

const portal = {
  en: ["", "services", "security", "methods", "privacy", "terms", "accessibility", "help", "contact"],
  fr: ["", "services", "securite", "preuves", "confidentialite", "conditions", "accessibilite", "aide", "contact"],
};

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}`;

  test(`the public pages are sound (${how})`, async () => {
    const page = await person(browser, kind);
    for (const path of portal[kind.lang]) {
      await page.goto(`${demo.issuer}/${kind.lang}/${path}`);
      await sound(page);
    }
    await fail(page, "contact", { email: "no address", message: "" });
    await page.fill("form#contact [name=email]", newAddress("contact"));
    await page.fill("form#contact [name=message]", "Hello, bonjour.");
    await submit(page, "contact");
    await at(page, "contact-sent");
    await sound(page);
    await page.context().close();
  });

  test(`the pages of creating an account are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("a-rather-long-name-that-somebody-really-has");
    await openService(page, demo.plain);
    await page.click("#create-account-link");
    await at(page, "create-account");
    await sound(page);
    await fail(page, "create-account", { email: "not an address" });
    await page.goBack();
    await openService(page, demo.plain);
    await askForAccount(page, email);
    await sound(page);
    await fail(page, "confirm-email", { code: "000000" });
    const link = demo.link(await demo.mail(email));
    await page.goto(link);
    await at(page, "confirm-link");
    await sound(page);
    await submit(page, "confirm-link");
    await at(page, "choose-password");
    await sound(page);
    await fail(page, "choose-password", { password: "password" });
    await choosePassword(page);
    await at(page, "consent");
    await sound(page);
    await follow(page, "#allow");
    const used = await person(browser, kind);
    await used.goto(link);
    await at(used, "link-used");
    await sound(used);
    await page.context().close();
    await used.context().close();
  });

  test(`the pages of signing in, locking and recovering are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("sound");
    await openService(page, demo.strict);
    await at(page, "sign-in");
    await sound(page);
    await fail(page, "sign-in", { email: "", password: "" });
    await fail(page, "sign-in", { email, password: "wrong" });
    await page.click("#forgot-password-link");
    await at(page, "forgot-password");
    await sound(page);
    await fail(page, "forgot-password", { email: "" });
    await page.fill("form#forgot-password [name=email]", email);
    await submit(page, "forgot-password");
    await at(page, "check-email");
    await sound(page);
    await openService(page, demo.strict);
    for (let i = 0; i < 5 && !(await page.locator('body[data-page="locked"]').count()); i++) await signIn(page, email, "wrong");
    await at(page, "locked");
    await sound(page);
    await page.click("#unlock-link");
    await at(page, "unlock");
    await sound(page);
    await page.context().close();
  });

  test(`the pages of setting up a method are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("a-rather-long-name-that-somebody-really-has");
    await openService(page, demo.plain, twoFactors);
    await askForAccount(page, email);
    await page.fill("#code", await demo.code(email));
    await submit(page, "confirm-email");
    await choosePassword(page);
    await at(page, "set-up-method"); // the address was proven just now
    await sound(page);

    await page.click("#help-me-choose-link");
    await at(page, "help-me-choose");
    await sound(page);
    await fail(page, "help-me-choose", {});
    for (const answer of ["phone][value=mobile", "app][value=no", "shared][value=yes"]) await page.check(`[name=${answer}]`);
    await submit(page, "help-me-choose");
    await sound(page, "answer");
    await page.click("#submit");
    await at(page, "set-up-phone");
    await sound(page);
    await fail(page, "set-up-phone", { number: "12" });
    await page.fill("#number", newPhone());
    await submit(page, "set-up-phone");
    await at(page, "confirm-phone");
    await sound(page);
    await fail(page, "confirm-phone", { code: "12" });
    await page.click("#change-number-button");
    await at(page, "set-up-phone");
    await page.click("#back-button");

    await at(page, "set-up-method");
    await page.click("form#set-up-app button");
    await at(page, "set-up-app");
    await sound(page);
    await page.click("#manual summary");
    await sound(page, "manual");
    await fail(page, "set-up-app", { code: "12" });
    const key = (await page.locator("#key").textContent()).replaceAll(" ", "");
    await page.fill("#code", appCode(key, demo.now()));
    await submit(page, "set-up-app");
    await at(page, "set-up-another");
    await sound(page);
    await submit(page, "set-up-another");
    await at(page, "set-up-method");
    await sound(page, "optional");
    await page.click("form#set-up-backup button");
    await at(page, "set-up-backup");
    await sound(page);
    const codes = await page.locator("#codes li").allTextContents();
    assert.equal(codes.length, 10);
    await fail(page, "set-up-backup", {});
    await page.check("#saved");
    await submit(page, "set-up-backup");
    await at(page, "consent");
    await page.context().close();

    await demo.advance("30s"); // each code of an app works once
    const later = await person(browser, kind);
    await openService(later, demo.plain, twoFactors);
    await signIn(later, email, goodPassword);
    await at(later, "second-step");
    await sound(later, "app");
    await fail(later, "second-step", { code: "000000" });
    await later.click("#another-way-link");
    await at(later, "another-way");
    await sound(later);
    await later.check("[name=option]");
    await submit(later, "another-way");
    await at(later, "second-step");
    await sound(later, "backup");
    for (let i = 0; i < 5; i++) {
      await later.fill("#code", "AAAA-AAAA-AAAA");
      await submit(later, "second-step");
    }
    await sound(later, "wait");
    await later.click("#another-way-link");
    await at(later, "another-way");
    await sound(later, "waiting");
    await later.check("[name=option]");
    await submit(later, "another-way");
    await later.fill("#code", appCode(key, demo.now()));
    await submit(later, "second-step");
    await at(later, "consent");
    await later.context().close();
  });

  test(`the pages of a second step by codes that are sent are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const active = demo.person("active");
    const before = await codesTo(demo, active.email);
    await page.goto(`${demo.issuer}/signin`);
    await signIn(page, active.email, active.password);
    await at(page, "connected-services");
    await openService(page, demo.plain, twoFactors);
    await at(page, "second-step");
    await sound(page, "send");
    await page.click("#another-way-link");
    await at(page, "another-way");
    await sound(page, "none");
    await page.click("#second-step-link");
    await submit(page, "send-code");
    await sound(page, "guard");
    await demo.code(active.email, before);

    await openService(page, demo.plain, twoSteps);
    await at(page, "second-step");
    await submit(page, "send-code");
    await sound(page, "remember");
    await fail(page, "second-step", { code: "" });
    await page.fill("#code", await demo.code(active.email, before + 1));
    await submit(page, "second-step");
    await page.waitForLoadState();
    assert.notEqual(await page.locator("body").getAttribute("data-page"), "second-step");
    await page.context().close();
  });

  test(`the account's pages are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const active = demo.person("active");
    await page.goto(`${demo.issuer}/signin?lang=${kind.lang}`); // else the pages are in the account's language
    await at(page, "sign-in");
    await sound(page);
    await signIn(page, active.email, active.password);
    await at(page, "connected-services");
    await sound(page);
    await openService(page, demo.plain);
    if (await page.locator('body[data-page="consent"]').count()) await allow(page);
    await page.goto(`${demo.issuer}/services`);
    await at(page, "connected-services");
    await sound(page, "rows");
    await page.locator("a[href$='/disconnect']").first().click();
    await at(page, "disconnect");
    await sound(page);
    await page.goto(`${demo.issuer}/session/ending`);
    await at(page, "session-ending");
    await sound(page);
    await page.goto(`${demo.issuer}/signout`);
    await at(page, "sign-out");
    await sound(page);
    await submit(page, "sign-out");
    await at(page, "signed-out");
    await sound(page);
    await page.context().close();
  });

  test(`the pages of the account's methods are sound (${how})`, async () => {
    const page = await person(browser, kind);
    await createByCode(page, demo, demo.plain, newAddress("methods"));
    await page.goto(`${demo.issuer}/settings`);
    await at(page, "settings");
    await sound(page);
    await page.click("#methods-link");
    await at(page, "methods");
    await sound(page, "none");
    await submit(page, "add-method");
    await page.locator("form", { has: page.locator("[name=method][value=app]") }).locator("button").click();
    await at(page, "set-up-app");
    const key = await page.locator("#key").textContent();
    await page.fill("form#set-up-app [name=code]", appCode(key, demo.now()));
    await submit(page, "set-up-app");
    await at(page, "methods");
    await sound(page, "only");
    await page.locator("a[href$='/rename']").click();
    await at(page, "rename-method");
    await sound(page);
    await fail(page, "rename-method", { name: "" });
    await page.fill("form#rename-method [name=name]", "Anticonstitutionnellement".repeat(3));
    await submit(page, "rename-method");
    await at(page, "methods");
    await sound(page, "renamed");
    await submit(page, "add-method");
    await page.locator("form", { has: page.locator("[name=method][value=backup]") }).locator("button").click();
    await at(page, "set-up-backup");
    await page.check("form#set-up-backup [name=saved]");
    await submit(page, "set-up-backup");
    await at(page, "methods");
    await sound(page, "two");
    await page.click("#new-backup-codes-link");
    await at(page, "new-backup-codes");
    await sound(page);
    await page.click("#keep");
    await page.locator("a[href$='/remove']").first().click();
    await at(page, "remove-method");
    await sound(page);
    await submit(page, "remove-method");
    await at(page, "methods");
    await sound(page, "removed");
    await page.context().close();
  });

  test(`the pages that help when something is wrong are sound (${how})`, async () => {
    const page = await person(browser, kind);
    const wrong = {
      "/signin/AAAAAAAAAAAAAAAAAAAAAAAAAA": null, "/no/such/page": null, "/link/AAAA": null,
      "/authorize?client_id=nobody&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fexample.org": "bad-request",
    };
    for (const [path, name] of Object.entries(wrong)) {
      const answer = await page.goto(`${demo.issuer}${path}`);
      assert.ok(answer.status() >= 400 && answer.status() < 500, `${path}: ${answer.status()}`);
      if (name) await at(page, name);
      await sound(page);
    }
    await page.context().close();
  });
}

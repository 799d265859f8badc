// The second step in a real browser: what a service demands, the methods, and the account's page of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, dataPage, follow, launch, person, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, codesTo, codeTo, createByCode, createWithApp, enterCode, goodPassword, newPhone, notNow, openService, setUpApp, setUpPhone, signIn } from "./lib/steps.mjs";
import { appCode, readKey, scan } from "./lib/totp.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const atService = (page, service) => assert.ok(page.url().startsWith(service.url), `expected the service ${service.url}, found ${page.url()}`);
const claims = (page) => page.locator("main").innerText();
const who = (method) => demo.ready.people.find((p) => p.method === method && p.state === "active");

// To a service that demands this class, whatever it has registered.
async function openFor(page, service, acr) {
  await page.goto(`${service.url}/login?acr_values=${encodeURIComponent(acr)}`);
  await page.waitForLoadState();
}

for (const lang of ["en", "fr"]) {
  for (const script of [true, false]) {
    const how = `${lang}, JavaScript ${script ? "on" : "off"}`;

    test(`an app is set up on the way to a service, by the ${script ? "QR code" : "key"}, and asked for the next time (${how})`, async () => {
      const page = await person(browser, { lang, script });
      const email = newAddress("app");
      await createByCode(page, demo, demo.strict, email);
      const { secret, used } = await setUpApp(page, script ? scan : readKey);
      await notNow(page);
      await allow(page);
      atService(page, demo.strict);
      assert.match(await claims(page), /urn:parvis:acr:aal2/);
      await page.context().clearCookies();
      await openService(page, demo.strict);
      await signIn(page, email, goodPassword);
      await at(page, "second-step");
      await enterCode(page, used); // the code that set the app up is spent
      await at(page, "second-step");
      assert.ok(await page.locator(".govuk-error-summary, [role=alert]").count() > 0, "a spent code is told");
      await enterCode(page, appCode(secret, Date.now() + 30000)); // the next one: a clock may be half a minute ahead
      atService(page, demo.strict);
      await page.context().close();
    });

    test(`a code by e-mail is a second step where the service accepts it, and never AAL2 (${how})`, async () => {
      const page = await person(browser, { lang, script });
      const email = newAddress("mail");
      await createByCode(page, demo, demo.plain, email);
      await allow(page);
      await page.context().clearCookies();
      await openFor(page, demo.plain, "urn:parvis:acr:2");
      const sent = await codesTo(demo, email);
      await signIn(page, email, goodPassword);
      await enterCode(page, "000000");
      await at(page, "second-step");
      const right = await codeTo(demo, email, sent);
      await enterCode(page, `${right.slice(0, 3)} ${right.slice(3)}`);
      atService(page, demo.plain);
      const text = await claims(page);
      assert.match(text, /urn:parvis:acr:2/);
      assert.ok(!text.includes("mfa"), text);
      await openService(page, demo.strict);
      await at(page, "set-up-method");
      await page.context().close();
    });

    test(`a telephone is set up by text, and asked for by call when the person wants it (${how})`, async () => {
      const page = await person(browser, { lang, script });
      const email = newAddress("phone");
      const number = newPhone();
      await createByCode(page, demo, demo.strict, email);
      await setUpPhone(page, demo, number);
      await notNow(page);
      await allow(page);
      atService(page, demo.strict);
      await page.context().clearCookies();
      await openService(page, demo.strict);
      await signIn(page, email, goodPassword);
      await at(page, "second-step");
      await codeTo(demo, number, 1); // the text went out with the right password
      await page.click("#another-way-link");
      await at(page, "another-way");
      await page.locator("form#another-way [name=option][value^=voice]").check();
      await submit(page, "another-way");
      await at(page, "second-step");
      const call = (await codeTo(demo, number, 2));
      const mail = (await demo.mails(number))[0];
      assert.equal(mail.channel, "voice");
      await enterCode(page, call);
      atService(page, demo.strict);
      await page.context().close();
    });

    test(`help me choose ends in backup codes, and one of them is asked for (${how})`, async () => {
      const page = await person(browser, { lang, script });
      await createByCode(page, demo, demo.strict, newAddress("backup"));
      await at(page, "set-up-method");
      await page.click("#help-me-choose-link");
      await at(page, "help-me-choose");
      const questions = await page.locator("form#help-me-choose fieldset").count();
      assert.equal(questions, 3);
      for (const [name, value] of [["phone", "none"], ["app", "no"], ["shared", "yes"]]) {
        await page.locator(`form#help-me-choose [name=${name}][value=${value}]`).check();
      }
      await submit(page, "help-me-choose");
      await at(page, "help-me-choose");
      await page.locator("form#set-up-backup #submit").click();
      await at(page, "set-up-backup");
      const codes = await page.locator("#codes li").allInnerTexts();
      assert.equal(codes.length, 10);
      const file = await page.context().request.get(new URL(await page.locator("#download-link").getAttribute("href"), page.url()).href);
      assert.match(file.headers()["content-type"], /text\/plain/);
      for (const one of codes) assert.ok((await file.text()).includes(one.trim()), "the file holds every code");
      await submit(page, "set-up-backup"); // not kept yet
      await at(page, "set-up-backup");
      await page.check("form#set-up-backup [name=saved]");
      await submit(page, "set-up-backup");
      await at(page, "second-step");
      await enterCode(page, codes[4].toLowerCase());
      await notNow(page);
      await allow(page);
      atService(page, demo.strict);
      await page.context().close();
    });
  }
}

test("from the service that demands little to the one that demands more, only the second step is asked", async () => {
  const page = await person(browser);
  const ada = who("app");
  await openService(page, demo.plain);
  await signIn(page, ada.email, ada.password);
  if (await dataPage(page) === "consent") await allow(page);
  atService(page, demo.plain);
  await openService(page, demo.strict);
  await at(page, "second-step");
  await enterCode(page, appCode(ada.secret));
  await allow(page);
  atService(page, demo.strict);
  const silent = await page.goto(`${demo.strict.url}/login?prompt=none`);
  assert.ok(silent.ok());
  atService(page, demo.strict);
  await page.context().close();
});

test("prompt=none is answered with login_required while the second step is missing", async () => {
  const page = await person(browser);
  const sam = who("email");
  await openService(page, demo.plain);
  await signIn(page, sam.email, sam.password);
  if (await dataPage(page) === "consent") await allow(page);
  await page.goto(`${demo.strict.url}/login?prompt=none`);
  atService(page, demo.strict);
  assert.match(await page.locator("body").innerText(), /login_required/);
  await page.context().close();
});

for (const method of ["text", "voice", "backup", "several"]) {
  test(`the seeded person with ${method} gets in`, async () => {
    const page = await person(browser);
    const one = who(method);
    const sent = one.number ? await codesTo(demo, one.number) : 0;
    await openService(page, demo.strict);
    await signIn(page, one.email, one.password);
    await at(page, "second-step");
    if (method === "text" || method === "voice") await enterCode(page, await codeTo(demo, one.number, sent));
    else if (method === "backup") await enterCode(page, one.codes[0]);
    else await enterCode(page, appCode(one.secret));
    await allow(page);
    atService(page, demo.strict);
    await page.context().close();
  });
}

test("a remembered browser is not asked where that is enough, is asked where it is not, and can be forgotten", async () => {
  const page = await person(browser);
  const email = newAddress("keep");
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  const signOut = async () => {
    await page.goto(`${demo.issuer}/signout`);
    await submit(page, "sign-out");
    await at(page, "signed-out");
  };
  await signOut();
  const sent = await codesTo(demo, email);
  await openFor(page, demo.plain, "urn:parvis:acr:2");
  await signIn(page, email, goodPassword);
  await page.fill("form#second-step [name=code]", await codeTo(demo, email, sent));
  await page.check("form#second-step [name=remember]");
  await submit(page, "second-step");
  atService(page, demo.plain);
  await signOut();
  await openFor(page, demo.plain, "urn:parvis:acr:2");
  await signIn(page, email, goodPassword);
  atService(page, demo.plain);
  await openService(page, demo.strict);
  await at(page, "second-step");
  await page.goto(`${demo.issuer}/settings/methods`);
  await at(page, "methods");
  await follow(page, page.locator("form#forget-browsers button"));
  await signOut();
  await openFor(page, demo.plain, "urn:parvis:acr:2");
  await signIn(page, email, goodPassword);
  await at(page, "second-step");
  await page.context().close();
});

for (const script of [true, false]) {
  test(`methods are added, renamed and removed in the settings (JavaScript ${script ? "on" : "off"})`, async () => {
    const page = await person(browser, { script });
    const email = newAddress("settings");
    const secret = await createWithApp(page, demo, email);
    await page.context().clearCookies();
    await page.goto(`${demo.issuer}/settings/methods`); // the link survives the sign-in
    await signIn(page, email, goodPassword);
    await at(page, "methods");
    await page.locator("a[href$='/rename']").click();
    await page.fill("form#rename-method [name=name]", "My old phone");
    await submit(page, "rename-method");
    await at(page, "methods");
    assert.match(await page.locator("main").innerText(), /My old phone/);
    await submit(page, "add-method");
    await enterCode(page, appCode(secret, Date.now() + 30000)); // nothing is added without the best proof
    await at(page, "set-up-method");
    await page.locator("form#set-up-backup button").click();
    await page.check("form#set-up-backup [name=saved]");
    await submit(page, "set-up-backup");
    await at(page, "methods");
    await page.locator("a[href$='/remove']").first().click();
    await at(page, "remove-method");
    await submit(page, "remove-method");
    await at(page, "methods");
    await demo.newest(email, (m) => /removed/i.test(m.subject)); // the owner is told
    await page.context().close();
  });
}

test("wrong codes make the method wait, in words, and another way stays open", async () => {
  const page = await person(browser);
  const email = newAddress("wait");
  await createWithApp(page, demo, email);
  await page.context().clearCookies();
  await openService(page, demo.strict);
  await signIn(page, email, goodPassword);
  for (let i = 0; i < 5; i++) await enterCode(page, "000000");
  assert.match(await page.locator("main").innerText(), /15.minutes/);
  await page.context().close();
});

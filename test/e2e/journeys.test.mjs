// The main job in a real browser: a person creates an account, signs in, and lands in the service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, askForAccount, choosePassword, codesTo, codeTo, createByCode, enterCode, goodPassword, notNow, openService, setUpApp, signIn } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const atService = (page, service) => assert.ok(page.url().startsWith(service.url), `expected the service ${service.url}, found ${page.url()}`);

for (const lang of ["en", "fr"]) {
  for (const script of [true, false]) {
    const how = `${lang}, JavaScript ${script ? "on" : "off"}`;

    test(`an account is created by the mailed link and lands in the service (${how})`, async () => {
      const page = await person(browser, { lang, script });
      const email = newAddress("link");
      await openService(page, demo.plain);
      await askForAccount(page, email);
      const mail = await demo.mail(email);
      assert.ok(!mail.subject.includes(mail.codes[0]), "no code in a subject");
      await page.goto(demo.link(mail));
      await at(page, "confirm-link");
      await submit(page, "confirm-link");
      await choosePassword(page);
      await allow(page);
      atService(page, demo.plain);
      const text = await page.locator("main").innerText();
      assert.ok(text.includes(demo.issuer), "the service shows the claims it received");
      await page.context().close();
    });

    test(`an account is created by the typed code (${how})`, async () => {
      const page = await person(browser, { lang, script });
      await createByCode(page, demo, demo.strict, newAddress("code"));
      await setUpApp(page);
      await notNow(page);
      await allow(page);
      atService(page, demo.strict);
      await page.context().close();
    });
  }
}

for (const lang of ["en", "fr"]) {
  for (const script of [true, false]) {
    test(`the language switch keeps the typed address, sends no password, and Enter still submits (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
      const page = await person(browser, { lang, script });
      const email = newAddress("switch");
      const other = lang === "en" ? "fr" : "en";
      await openService(page, demo.plain);
      await page.fill("#email", email);
      await page.fill("#password", goodPassword);
      const sent = page.waitForRequest((r) => r.method() === "POST");
      await page.click("#language-link");
      const body = new URLSearchParams((await sent).postData());
      assert.equal(body.get("password"), script ? "" : goodPassword); // without script the server drops it
      await page.locator(`html[lang=${other}]`).waitFor({ state: "attached" });
      assert.equal(await page.inputValue("#email"), email);
      assert.equal(await page.inputValue("#password"), "");
      assert.ok(!page.url().includes("?"), page.url());
      await page.click("#create-account-link");
      await at(page, "create-account");
      await page.fill("#email", email);
      await page.check("#terms");
      await page.focus("#language-link");
      await page.keyboard.press("Enter"); // the switch works from the keyboard
      await page.locator(`html[lang=${lang}]`).waitFor({ state: "attached" });
      assert.equal(await page.inputValue("#email"), email);
      assert.ok(await page.isChecked("#terms"));
      await page.focus("#email");
      await page.keyboard.press("Enter"); // and the main button is still what Enter presses
      await at(page, "confirm-email");
      assert.equal(await page.locator("html").getAttribute("lang"), lang);
      await page.context().close();
    });
  }
}

test("opening the link consumes nothing: a mail scanner may look first", async () => {
  const page = await person(browser);
  const email = newAddress("scanner");
  await openService(page, demo.plain);
  await askForAccount(page, email);
  const link = demo.link(await demo.mail(email));
  for (const method of ["GET", "HEAD", "GET"]) {
    const answer = await fetch(link, { method });
    assert.equal(answer.status, 200);
  }
  await page.goto(link);
  await submit(page, "confirm-link");
  await at(page, "choose-password");
  await page.context().close();
});

test("a link opened in another browser activates there and does not advance the first one", async () => {
  const first = await person(browser);
  const second = await person(browser);
  const email = newAddress("other");
  await openService(first, demo.plain);
  await askForAccount(first, email);
  await second.goto(demo.link(await demo.mail(email)));
  await at(second, "confirm-link");
  await submit(second, "confirm-link");
  await choosePassword(second);
  await at(second, "account-activated");
  await first.reload();
  await at(first, "confirm-email");
  await second.locator("#continue-to-service").click();
  await at(second, "consent");
  await follow(second, "#allow");
  atService(second, demo.plain);
  await first.context().close();
  await second.context().close();
});

test("declining returns to the service with access_denied", async () => {
  const page = await person(browser);
  await createByCode(page, demo, demo.plain, newAddress("decline"));
  await at(page, "consent");
  await follow(page, "#deny");
  atService(page, demo.plain);
  assert.match(await page.locator("body").innerText(), /access_denied/);
  await page.context().close();
});

test("one account opens the second service without a second password, and both are connected", async () => {
  const page = await person(browser);
  await createByCode(page, demo, demo.plain, newAddress("both"));
  await allow(page);
  await openService(page, demo.strict);
  await setUpApp(page); // what the first service did not ask for; never the password again
  await notNow(page);
  await allow(page);
  atService(page, demo.strict);
  await page.goto(`${demo.issuer}/services`);
  await at(page, "connected-services");
  const text = await page.locator("main").innerText();
  assert.ok(text.includes(demo.plain.name) && text.includes(demo.strict.name), text);
  await page.context().close();
});

test("signing in directly shows the connected services, and signing out ends it", async () => {
  const page = await person(browser);
  const active = demo.person("active");
  await page.goto(`${demo.issuer}/signin`);
  await signIn(page, active.email, active.password);
  await at(page, "connected-services");
  await page.goto(`${demo.issuer}/signout`);
  await at(page, "sign-out");
  await submit(page, "sign-out");
  await at(page, "signed-out");
  await page.goto(`${demo.issuer}/services`);
  await at(page, "sign-in");
  await page.context().close();
});

test("five wrong passwords lock, the lock looks the same for an unknown address, and unlocking keeps the password", async () => {
  const active = newAddress("lock");
  const setup = await person(browser);
  await createByCode(setup, demo, demo.plain, active);
  await allow(setup);
  const activation = await demo.linkTo(active, "/link/");
  await setup.context().close();
  const seen = [];
  for (const email of [active, newAddress("nobody")]) {
    const page = await person(browser);
    await openService(page, demo.plain);
    for (let i = 0; i < 5; i++) await signIn(page, email, `wrong password number ${i}`);
    await at(page, "locked");
    seen.push((await page.locator("main").innerText()).replaceAll(email, "ADDRESS").replace(/[2-9A-Z]{4}-[2-9A-Z]{4}/g, "REF"));
    if (email === active) {
      await page.click("#unlock-link");
      await at(page, "unlock");
      await page.fill("form#unlock [name=email]", email);
      await submit(page, "unlock");
      await at(page, "check-email");
      await page.goto(await demo.linkTo(email, "/link/", [activation]));
      await submit(page, "confirm-link");
      await at(page, "unlocked");
      await openService(page, demo.plain);
      await signIn(page, email, goodPassword);
      atService(page, demo.plain);
    }
    await page.context().close();
  }
  assert.equal(seen[0], seen[1]);
});

test("a forgotten password is replaced by mail and does not sign in by itself", async () => {
  const page = await person(browser);
  const email = newAddress("forgot");
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  await page.context().clearCookies();
  await openService(page, demo.plain);
  await page.click("#forgot-password-link");
  await at(page, "forgot-password");
  const activation = await demo.linkTo(email, "/link/");
  await page.fill("form#forgot-password [name=email]", email);
  await submit(page, "forgot-password");
  await at(page, "check-email");
  await page.goto(await demo.linkTo(email, "/link/", [activation]));
  await submit(page, "confirm-link");
  await at(page, "reset-password");
  await page.fill("form#reset-password [name=password]", "another lantern under the bridge 9");
  await submit(page, "reset-password");
  await at(page, "sign-in");
  await signIn(page, email, "another lantern under the bridge 9");
  atService(page, demo.plain);
  await page.context().close();
});

for (const kind of [{ lang: "en", script: true, width: 1280 }, { lang: "fr", script: false, width: 320 }]) {
  test(`a sign-in page that was open for hours works when it is loaded again (${kind.lang}, ${kind.width} px, JavaScript ${kind.script ? "on" : "off"})`, async () => {
    const local = await startDemo();
    try {
      const page = await person(browser, kind);
      await openService(page, local.plain);
      const asked = page.url();
      await local.advance("4h");
      await page.reload();
      await at(page, "sign-in");
      assert.equal(page.url(), asked);
      assert.equal(await page.locator(".notice").count(), 0, "nothing was begun: nothing to say");
      const email = newAddress("slow");
      await askForAccount(page, email);
      await local.code(email);
      await local.advance("5h");
      await page.reload();
      await at(page, "create-account");
      await sound(page, `create-anew-${kind.lang}-${kind.width}`);
      const waits = kind.lang === "fr" ? /puis continuez vers Permis de pêche/ : /then continue to Fishing licences/;
      assert.match(await page.locator("main").innerText(), waits);
      assert.equal(await page.locator("#email").inputValue(), "", "what was typed is forgotten");
      await page.fill("#email", email);
      await page.check("form#create-account [name=terms]");
      await submit(page, "create-account");
      await page.fill("form#confirm-email [name=code]", await local.code(email, 1));
      await submit(page, "confirm-email");
      await choosePassword(page);
      await at(page, "consent");
      await local.advance("5h");
      await page.click("#allow"); // as if nothing had been
      await at(page, "sign-in");
      await sound(page, `sign-in-anew-${kind.lang}-${kind.width}`);
      assert.match(await page.locator("main").innerText(), waits);
      await signIn(page, email, goodPassword);
      await allow(page);
      atService(page, local.plain);
      assert.ok((await page.locator("main").innerText()).includes(local.issuer), "the service takes the answer");
      await page.context().close();
    } finally {
      await local.stop();
    }
  });
}

test("an expired activation link leads to a new one, and the way to the service is kept", async () => {
  const local = await startDemo();
  try {
    const page = await person(browser);
    const email = newAddress("late");
    await openService(page, local.plain);
    await askForAccount(page, email);
    const link = await local.linkTo(email, "/link/");
    await local.advance("31m");
    await page.goto(link);
    await at(page, "link-expired");
    await follow(page, page.locator("form #submit").first());
    await page.goto(await local.linkTo(email, "/link/", [link]));
    await submit(page, "confirm-link");
    await choosePassword(page);
    assert.ok(["consent", "account-activated"].includes(await page.locator("body").getAttribute("data-page")));
    await page.context().close();
  } finally {
    await local.stop();
  }
});

test("the journey can be walked with the keyboard alone", async () => {
  const page = await person(browser);
  const email = newAddress("keys");
  await openService(page, demo.plain);
  await at(page, "sign-in");
  const focus = async (selector) => {
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`the keyboard never reaches ${selector} on ${page.url()}`);
  };
  const visible = () => page.evaluate(() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== "none" || style.boxShadow !== "none";
  });
  await focus("#create-account-link");
  assert.ok(await visible(), "the focus can be seen");
  await page.keyboard.press("Enter");
  await at(page, "create-account");
  await focus("[name=email]");
  await page.keyboard.type(email);
  await focus("[name=terms]");
  await page.keyboard.press("Space");
  await focus("#submit");
  await page.keyboard.press("Enter");
  await at(page, "confirm-email");
  const mail = await demo.mail(email);
  await focus("[name=code]");
  await page.keyboard.type(mail.codes[0].replace(/(\d{3})/, "$1 "));
  await page.keyboard.press("Enter");
  await at(page, "choose-password");
  await focus("[name=password]");
  await page.keyboard.type(goodPassword);
  await page.keyboard.press("Enter");
  await at(page, "consent");
  await focus("#allow");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.href.startsWith(demo.plain.url));
  await page.context().close();
});

test("two services in progress in one browser do not disturb each other", async () => {
  const page = await person(browser);
  const active = demo.person("active");
  await openService(page, demo.plain);
  const other = await page.context().newPage();
  other.lang = "en";
  await openService(other, demo.strict);
  await at(other, "sign-in");
  await signIn(page, active.email, active.password);
  if (await page.locator("body").getAttribute("data-page") === "consent") await allow(page);
  atService(page, demo.plain);
  await other.reload();
  await other.waitForLoadState();
  const next = await other.locator("body").getAttribute("data-page");
  const sent = await codesTo(demo, active.email);
  if (next === "sign-in") await signIn(other, active.email, active.password);
  await at(other, "second-step");
  if (await other.locator("form#send-code").count()) await submit(other, "send-code");
  await enterCode(other, await codeTo(demo, active.email, sent));
  await setUpApp(other);
  await notNow(other);
  if (await other.locator("body").getAttribute("data-page") === "consent") await allow(other);
  atService(other, demo.strict);
  await page.context().close();
});

// The check that a form is not sent by a program: with scripts the browser works by
// itself, without them the way leads by mail.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { choosePassword, codeTo, codesTo, goodPassword, openService } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo("--challenge", "always"), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320 }, { lang: "fr", width: 320, script: false }, { lang: "en", width: 1280, script: false },
];

// A person whose browser may take as long for the check as the page lets it, which is a minute and a half.
async function patient(kind) {
  const page = await person(browser, kind);
  page.context().setDefaultTimeout(120_000);
  return page;
}

// Presses a button that has no form of its own to wait for.
async function press(page, id) {
  await follow(page, `#${id}`);
}

for (const kind of kinds) {
  const scripts = kind.script !== false;
  test(`a new account and a sign-in pass the check (${kind.lang}, ${kind.width} px, JavaScript ${scripts ? "on" : "off"})`, async () => {
    const email = newAddress("check");
    const page = await patient(kind);
    const loaded = [];
    page.on("response", (r) => loaded.push(r.url()));
    await openService(page, demo.plain);
    await at(page, "sign-in");
    await page.click("#create-account-link");
    await at(page, "create-account");
    if (scripts) {
      const status = page.locator("#challenge [role=status]");
      await status.filter({ hasText: kind.lang === "fr" ? "La vérification est terminée." : "The check is done." }).waitFor();
      assert.ok(loaded.some((u) => u.includes("/assets/altcha.")), "the worker comes from our own origin");
      assert.ok(loaded.every((u) => !u.includes("altcha") || u.startsWith(demo.issuer)), "and nothing of it from elsewhere");
    } else {
      assert.ok(await page.locator("#challenge noscript").count() > 0);
    }
    await sound(page, "check");
    await page.fill("form#create-account [name=email]", email);
    await page.check("form#create-account [name=terms]");
    if (scripts) await submit(page, "create-account");
    else await press(page, "challenge-by-mail");
    await at(page, "confirm-email");
    const mail = await demo.mail(email);
    await page.fill("form#confirm-email [name=code]", mail.codes[0]);
    await submit(page, "confirm-email");
    await choosePassword(page);
    await page.context().close();

    const again = await patient(kind);
    await openService(again, demo.plain);
    await at(again, "sign-in");
    await again.fill("form#sign-in [name=email]", email);
    await again.fill("form#sign-in [name=password]", "a wrong password");
    if (scripts) {
      await submit(again, "sign-in"); // at once: the form waits for the end of the check by itself
      await again.locator("#password-error").waitFor();
    } else {
      await submit(again, "sign-in");
      await again.locator("#challenge-error").waitFor();
      await sound(again, "error");
      const before = await codesTo(demo, email);
      await again.fill("form#sign-in [name=password]", goodPassword);
      await press(again, "challenge-by-mail");
      await at(again, "sign-in");
      await again.fill("form#sign-in [name=challenge_code]", await codeTo(demo, email, before));
    }
    await sound(again, scripts ? "error" : "code");
    await again.fill("form#sign-in [name=password]", goodPassword);
    await submit(again, "sign-in");
    await at(again, "consent");
    await again.context().close();
  });
}

test("the page with the code is sound with scripts, too, and the key Enter sends the form and no mail", async () => {
  const page = await patient({ lang: "fr", width: 320 });
  await openService(page, demo.plain);
  await at(page, "sign-in");
  const owner = demo.person("active");
  await page.fill("form#sign-in [name=email]", owner.email);
  const before = await codesTo(demo, owner.email);
  await page.fill("form#sign-in [name=password]", owner.password);
  await press(page, "challenge-by-mail");
  await page.locator("form#sign-in [name=challenge_code]").waitFor();
  await sound(page, "code");
  await page.fill("form#sign-in [name=challenge_code]", await codeTo(demo, owner.email, before));
  await page.fill("form#sign-in [name=password]", owner.password);
  await page.press("form#sign-in [name=password]", "Enter");
  await page.locator("body:not([data-page=sign-in])").waitFor();
  assert.equal(await codesTo(demo, owner.email), before + 1, "no second code was sent");
  await page.context().close();
});

test("a solution is taken once: the form sent again from the history does its check again", async () => {
  const page = await patient({ lang: "en" });
  await openService(page, demo.plain);
  await at(page, "sign-in");
  await page.locator("#challenge [role=status]").filter({ hasText: "The check is done." }).waitFor();
  const solution = await page.locator("[name=altcha]").inputValue();
  const answer = async () => page.evaluate(async (altcha) => {
    const form = document.querySelector("form#sign-in");
    const body = new URLSearchParams(new FormData(form));
    body.set("email", "nobody@example.org");
    body.set("password", "a guess");
    body.set("altcha", altcha);
    const r = await fetch(form.action, { method: "POST", body });
    return (await r.text()).includes('id="challenge-error"');
  }, solution);
  const refused = await Promise.all(Array.from({ length: 8 }, answer));
  assert.equal(refused.filter((r) => !r).length, 1, `taken by ${refused.filter((r) => !r).length} of 8`);
  await page.context().close();
});

test("the contact form passes the check", async () => {
  for (const script of [true, false]) {
    const page = await patient({ lang: "fr", script });
    const email = newAddress("contact");
    await page.goto(`${demo.issuer}/fr/contact`);
    await page.fill("form#contact [name=email]", email);
    await page.fill("form#contact [name=message]", "Une question.");
    if (script) {
      await sound(page, "check");
      await submit(page, "contact");
    } else {
      await press(page, "challenge-by-mail");
      await page.fill("form#contact [name=challenge_code]", await codeTo(demo, email));
      await submit(page, "contact");
    }
    await at(page, "contact-sent");
    await page.context().close();
  }
});

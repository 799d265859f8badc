// Sign-in partners in a real browser, with the demonstration's bank: its screens, and the ways through it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit } from "./lib/browser.mjs";
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

// From the sign-in page to the bank.
async function toBank(page) {
  await at(page, "sign-in");
  await page.click("form[id^=partner-] button");
  await at(page, "partner-hand-off");
  await page.click("#submit");
  await page.locator("form#bank-sign-in").waitFor();
}

async function atBank(page, customer) {
  await page.check(`#customer-${customer}`);
  await submit(page, "bank-sign-in");
}

async function askByPartner(page, email) {
  await page.click("#create-account-link");
  await at(page, "create-account");
  await page.fill("form#create-account [name=email]", email);
  await page.check("form#create-account [name=terms]");
  await submit(page, "create-account");
  await at(page, "confirm-email");
  await page.fill("form#confirm-email [name=code]", (await demo.mail(email)).codes[0]);
  await submit(page, "confirm-email");
  await at(page, "partner-create");
}

for (const kind of kinds) {
  test(`the pages of a sign-in partner are sound (${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("bank");
    await createByCode(page, demo, demo.plain, email);
    await page.context().clearCookies();

    await openService(page, demo.plain);
    await page.click("form[id^=partner-] button");
    await at(page, "partner-hand-off");
    await sound(page);
    await page.click("#submit");
    await page.click("form#bank-sign-in #cancel");
    await at(page, "partner-problem");
    await sound(page);
    await page.click("#another-way");
    await toBank(page);
    await atBank(page, "jules-cliff");
    await at(page, "partner-account");
    await sound(page);
    await page.click("#sign-in-link");
    const sent = await codesTo(demo, email);
    await signIn(page, email, goodPassword);
    await at(page, "second-step");
    await sound(page);
    await enterCode(page, await codeTo(demo, email, sent));
    await at(page, "partner-link");
    await sound(page);
    await page.click("#yes");
    await at(page, "partner-hand-off");
    await sound(page);
    await page.click("#submit");
    await page.locator("form#bank-sign-in").waitFor();
    await atBank(page, "maya-brook");
    await at(page, "partner-problem");
    await sound(page);
    await page.click("#another-way");
    await at(page, "consent");
    await page.goto(`${demo.issuer}/settings`);
    await sound(page, "partners");
    await page.goto(`${demo.issuer}/partner/northland-bank/callback?state=unknown`);
    await at(page, "partner-unexpected");
    await sound(page);
    await page.goto(`${demo.issuer}/signed-out?partner=northland-bank`);
    await page.locator("#partner-sign-out").waitFor();
    await sound(page, "partner");

    await page.context().clearCookies();
    await openService(page, demo.plain);
    await toBank(page);
    await atBank(page, "jules-cliff");
    await askByPartner(page, newAddress("bank"));
    await sound(page);
    await demo.advance("5m");
    await page.reload();
    await page.locator("form#partner-northland-bank").waitFor();
    await sound(page, "too-old");
    await page.click("form#partner-northland-bank button");
    await at(page, "partner-hand-off");
    await sound(page, "create");
    await page.click("#submit");
    await page.locator("form#bank-sign-in").waitFor();
    await atBank(page, "jules-cliff");
    await at(page, "partner-create");
    await page.click("#another-way");
    await at(page, "choose-password");
    await page.context().close();
  });
}

for (const [lang, script] of [["en", false], ["fr", true]]) {
  test(`a partner is linked by a second sign-in there, and opens the account from then on (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
    const page = await person(browser, { lang, script });
    const email = newAddress("bank");
    await createByCode(page, demo, demo.plain, email);
    await page.context().clearCookies();
    await openService(page, demo.plain);
    await toBank(page);
    await atBank(page, "jules-cliff");
    await at(page, "partner-account");
    await page.click("#sign-in-link");
    const sent = await codesTo(demo, email);
    await signIn(page, email, goodPassword);
    await enterCode(page, await codeTo(demo, email, sent));
    await at(page, "partner-link");
    await page.click("#yes");
    await at(page, "partner-hand-off");
    await page.click("#submit");
    await page.locator("form#bank-sign-in").waitFor();
    await atBank(page, "jules-cliff");
    await at(page, "consent");

    await page.goto(`${demo.issuer}/settings`);
    await page.click("#partners .row-actions a");
    await at(page, "remove-partner");
    await submit(page, "remove-partner");
    await page.context().close();
  });
}

// Before an account has the customer of these tests.
for (const kind of [{ lang: "en", width: 1280, script: true }, { lang: "fr", width: 320, script: false }]) {
  test(`the code of who comes from the bank lives five minutes, and then there are two exits (${kind.lang}, JavaScript ${kind.script ? "on" : "off"})`, async () => {
    const page = await person(browser, kind);
    const ask = async (email) => {
      await openService(page, demo.plain);
      await toBank(page);
      await atBank(page, "jules-cliff");
      await page.click("#create-account-link");
      await at(page, "create-account");
      await page.fill("form#create-account [name=email]", email);
      await page.check("form#create-account [name=terms]");
      await submit(page, "create-account");
      await at(page, "confirm-email");
      assert.match((await page.locator("main").innerText()).replace(/\s/g, " "), / 5 minutes/);
      return (await demo.mail(email)).codes[0];
    };
    const expired = async () => {
      await at(page, "code-expired");
      await sound(page);
      assert.equal(await page.locator("main button, main a[href]").count(), 2);
    };

    const email = newAddress("bank");
    const code = await ask(email);
    await demo.advance("5m");
    await page.fill("form#confirm-email [name=code]", code);
    await submit(page, "confirm-email");
    await expired();
    const here = page.url();
    await page.goto(demo.link(await demo.mail(email)));
    await at(page, "link-expired");
    await page.goto(here);
    await expired();
    const mails = (await demo.mails(email)).length;
    await submit(page, "resend");
    await at(page, "confirm-email");
    await page.fill("form#confirm-email [name=code]", (await demo.mail(email, mails)).codes[0]);
    await submit(page, "confirm-email");
    await at(page, "partner-create");
    await sound(page);

    await page.context().clearCookies();
    await ask(newAddress("bank"));
    await demo.advance("5m");
    await page.goto(page.url());
    await expired();
    await page.click("#start-again-button");
    await toBank(page);
    await page.context().close();
  });
}

// R42, in what the browser really sends: addresses, headers and bodies.
for (const [lang, script, customer] of [["en", true, "maya-brook"], ["fr", false, "jules-cliff"]]) {
  test(`an account is created at the bank and opened with it again, and no password is asked for (${lang}, JavaScript ${script ? "on" : "off"})`, async () => {
    const page = await person(browser, { lang, script });
    await openService(page, demo.plain);
    await toBank(page);
    await atBank(page, customer);
    await at(page, "partner-account");
    await askByPartner(page, newAddress("bank"));
    await submit(page, "partner-create");
    await allow(page);
    assert.ok(page.url().startsWith(demo.plain.url), page.url());

    await page.context().clearCookies();
    await openService(page, demo.plain);
    await toBank(page);
    await atBank(page, customer);
    await page.waitForURL(`${demo.plain.url}/**`);

    // The only way in stays.
    await page.goto(`${demo.issuer}/settings`);
    await page.click("#partners .row-actions a");
    await at(page, "remove-partner");
    await sound(page);
    assert.equal(await page.locator("form#remove-partner").count(), 0);
    await page.context().close();
  });
}

test("the bank hears nothing of the service, the service nothing of the bank, and neither of the sign-out", async () => {
  const page = await person(browser, {});
  const requests = [];
  page.on("request", (r) => requests.push(r));
  const sent = async (origin) => {
    const out = [];
    for (const r of requests.filter((one) => new URL(one.url()).origin === origin)) {
      const headers = await r.allHeaders();
      delete headers.cookie; // cookies know no ports: those of the services on this machine go to its bank, too
      out.push([r.method(), r.url(), JSON.stringify(headers), r.postData() ?? ""].join("\n"));
    }
    return out;
  };
  await openService(page, demo.plain);
  await toBank(page);
  await atBank(page, "lee-shore");
  await allow(page);
  await page.waitForURL(`${demo.plain.url}/**`);

  const bank = await sent(new URL(demo.bank.url).origin);
  assert.ok(bank.length >= 3, `${bank.length} requests to the bank`);
  const service = new URL(demo.plain.url);
  for (const text of bank) {
    for (const word of [service.host, demo.plain.client_id, "ishing", "lee.shore@"]) {
      assert.ok(!text.includes(word), `the bank is told ${word}: ${text}`);
    }
  }
  assert.ok(!bank[0].includes('"referer"'), bank[0]);
  for (const text of await sent(service.origin)) {
    assert.ok(!text.includes(new URL(demo.bank.url).host) && !text.includes("northland-bank"), `the service is told of the bank: ${text}`);
  }

  await page.goto(`${demo.issuer}/settings`);
  requests.length = 0;
  await page.click("#sign-out-link");
  await at(page, "sign-out");
  await submit(page, "sign-out");
  await at(page, "signed-out");
  assert.deepEqual(await sent(new URL(demo.bank.url).origin), []);

  // Signing out there, too, is a choice, and tells as little.
  await sound(page, "partner");
  await page.click("#partner-sign-out");
  await page.locator("form#bank-sign-out").waitFor();
  await page.waitForLoadState();
  assert.deepEqual(await page.locator("[data-parameter]").evaluateAll((all) => all.map((one) => one.dataset.parameter)),
    ["client_id", "post_logout_redirect_uri", "ui_locales", "Referer"]);
  for (const text of await sent(new URL(demo.bank.url).origin)) {
    assert.ok(!text.includes(service.host) && !text.includes("ishing") && !text.includes('"referer"'), text);
  }
  await submit(page, "bank-sign-out");
  await at(page, "signed-out");
  await page.locator("#partner-back").waitFor();
  await sound(page, "back");
  await page.context().close();
});

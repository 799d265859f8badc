// The ways in to an account, as its owner sees and changes them: its screens, and the ways through them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { at, dataPage, follow, launch, person, sound, submit } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, createByCode, openService } from "./lib/steps.mjs";

// Services that do not take every door, or prefer one.
const services = {
  "partners-only": "{forbid: [password]}",
  "password-only": "{allow: [password]}",
  "bank-first": "{prefer: northland-bank}",
};

let demo;
let browser;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "parvis-doors-"));
  const flags = [];
  for (const [id, doors] of Object.entries(services)) {
    const file = join(folder, `${id}.yaml`);
    await writeFile(file, `id: ${id}
name: {en: Hunting and trapping licences, fr: Permis de chasse et de piégeage}
department: {en: Ministry of Natural Resources, fr: Ministère des Richesses naturelles}
redirect_uris: [https://${id}.example.org/callback]
start_url: https://${id}.example.org/
auth: none
doors: ${doors}
`);
    flags.push("--partner", file);
  }
  [demo, browser] = await Promise.all([startDemo(...flags), launch()]);
});
after(async () => { await browser?.close(); await demo?.stop(); await rm(folder, { recursive: true, force: true }); });

// To the sign-in page of one of these services, as the service itself leads there.
async function openRestricted(page, id, extra = {}) {
  const challenge = createHash("sha256").update("verifier-".repeat(6)).digest("base64url");
  const query = new URLSearchParams({
    client_id: id, redirect_uri: `https://${id}.example.org/callback`, response_type: "code", scope: "openid",
    state: "state", nonce: "nonce", code_challenge: challenge, code_challenge_method: "S256", ...extra,
  });
  await page.goto(`${demo.issuer}/authorize?${query}`);
}

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320, script: false }, { lang: "fr", width: 320 }, { lang: "en", width: 1280, script: false },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 1280, dark: true }, { lang: "fr", width: 320, dark: true }] : []),
];

// The bank has three customers: each kind of browser takes another one's sign-in, and gives it back.
const customer = "maya-brook";

async function owner(kind) {
  const page = await person(browser, kind);
  const email = newAddress("a-rather-long-name-that-somebody-really-has");
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  return page;
}

async function add(page) {
  await page.goto(`${demo.issuer}/settings/partners/northland-bank/add`);
  await at(page, "add-sign-in-partner");
  await submit(page, "add-sign-in-partner");
  await at(page, "partner-hand-off");
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px, JavaScript ${kind.script === false ? "off" : "on"}${kind.dark ? ", dark" : ""}`;

  test(`a sign-in partner is blocked, unblocked, added and removed in the settings (${how})`, async () => {
    const page = await owner(kind);
    await page.goto(`${demo.issuer}/settings`);
    await at(page, "settings");
    await sound(page, "free");
    await page.locator("#other-partners .row-actions a").nth(1).click();
    await at(page, "block-partner");
    await sound(page);
    await submit(page, "block-partner");
    await at(page, "settings");
    await sound(page, "blocked");
    await page.locator("#other-partners .row-actions a").first().click();
    await at(page, "unblock-partner");
    await sound(page);
    await submit(page, "unblock-partner");
    await at(page, "settings");

    await page.locator("#other-partners .row-actions a").first().click();
    await at(page, "add-sign-in-partner");
    await sound(page);
    await submit(page, "add-sign-in-partner");
    await at(page, "partner-hand-off");
    await sound(page, "adding");
    await page.click("#submit");
    await page.click("form#bank-sign-in #cancel");
    await at(page, "partner-not-added");
    await sound(page);
    await page.click("#back-to-settings");
    await at(page, "settings");
    await sound(page, "not-added");

    await add(page);
    await page.click("#submit");
    await page.check(`#customer-${customer}`);
    await submit(page, "bank-sign-in");
    await at(page, "add-partner");
    await sound(page);
    await page.click("#yes");
    await at(page, "settings");
    await sound(page, "added");
    assert.equal(await page.locator("#other-partners").count(), 0);

    // What opens this account opens no other: the page says so, and nothing of this one.
    const second = await owner(kind);
    await add(second);
    await second.click("#submit");
    await second.check(`#customer-${customer}`);
    await submit(second, "bank-sign-in");
    await at(second, "partner-not-added");
    await sound(second, "other");
    await second.click("#back-to-settings");
    await at(second, "settings");
    await second.context().close();

    await page.locator("#partners .row-actions a").first().click();
    await at(page, "remove-partner");
    await submit(page, "remove-partner");
    await at(page, "settings");
    await page.context().close();
  });
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px, JavaScript ${kind.script === false ? "off" : "on"}${kind.dark ? ", dark" : ""}`;

  test(`the sign-in page says how somebody signed in last time, and forgets it (${how})`, async () => {
    const page = await owner(kind);
    const keepDoors = async () => { // the session ends, what the browser remembers of doors does not
      for (const name of ["session", "device", "browser"]) await page.context().clearCookies({ name: `__Host-parvis_${name}` });
    };
    await keepDoors();
    await openService(page, demo.plain);
    await at(page, "sign-in");
    await page.locator("#last-door").waitFor();
    await sound(page, "last-password");

    await page.click("form[id^=partner-] button");
    await at(page, "partner-hand-off");
    await page.click("#submit");
    await page.check("#customer-jules-cliff");
    await submit(page, "bank-sign-in");
    await page.locator("body[data-page=partner-account], body[data-page=consent]").first().waitFor();
    if (await dataPage(page) === "partner-account") { // the first of these browsers makes the account
      await page.click("#create-account-link");
      await at(page, "create-account");
      const email = newAddress("door");
      await page.fill("form#create-account [name=email]", email);
      await page.check("form#create-account [name=terms]");
      await submit(page, "create-account");
      await page.fill("form#confirm-email [name=code]", (await demo.mail(email)).codes[0]);
      await submit(page, "confirm-email");
      await submit(page, "partner-create");
    }
    await at(page, "consent");
    await keepDoors();
    await openService(page, demo.plain);
    await at(page, "sign-in");
    await sound(page, "last-partner");
    await follow(page, "#forget-door-submit");
    await at(page, "sign-in");
    assert.equal(await page.locator("#last-door").count(), 0);
    await page.context().close();
  });
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px, JavaScript ${kind.script === false ? "off" : "on"}${kind.dark ? ", dark" : ""}`;

  test(`who does not remember how they signed in is told by mail (${how})`, async () => {
    const page = await person(browser, kind);
    const email = newAddress("ways");
    await createByCode(page, demo, demo.plain, email);
    await page.context().clearCookies();
    const ask = async (address) => {
      await openService(page, demo.plain);
      await at(page, "sign-in");
      await page.click("#ways-link");
      await at(page, "ways-in");
      await page.fill("form#ways-in [name=email]", address);
      await submit(page, "ways-in");
    };
    await ask("no address");
    await at(page, "ways-in");
    await sound(page, "error");
    for (const address of [email, newAddress("a-rather-long-name-that-nobody-has")]) {
      await ask(address);
      await at(page, "ways-sent");
      await sound(page, address === email ? "known" : "unknown");
      const mail = await demo.newest(address, (m) => /How to sign in|Comment vous connecter|No .* account|Aucun compte/.test(m.subject));
      assert.equal(/No .* account|Aucun compte/.test(mail.subject), address !== email, mail.subject);
    }
    await page.click("#sign-in-link");
    await at(page, "sign-in");
    await page.context().close();
  });
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px, JavaScript ${kind.script === false ? "off" : "on"}${kind.dark ? ", dark" : ""}`;

  test(`a service shows the doors that it takes, and why not others (${how})`, async () => {
    const page = await person(browser, kind);
    await openRestricted(page, "partners-only");
    await at(page, "sign-in");
    await page.locator("#closed-doors").waitFor();
    assert.equal(await page.locator("form#sign-in").count(), 0);
    await sound(page, "partners-only");
    await openRestricted(page, "password-only");
    await at(page, "sign-in");
    await page.locator("#closed-doors").waitFor();
    assert.equal(await page.locator("#other-ways").count(), 0);
    await sound(page, "password-only");
    await openRestricted(page, "bank-first");
    await at(page, "sign-in");
    await sound(page, "bank-first");
    assert.ok(await page.evaluate(() => {
      const bank = document.querySelector("#other-ways"), password = document.querySelector("form#sign-in");
      return (bank.compareDocumentPosition(password) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
    }).catch(() => kind.script === false), "the preferred door stands first");

    // A session that came through a closed door is asked for another one.
    const signedIn = await owner(kind);
    await openRestricted(signedIn, "partners-only");
    await at(signedIn, "sign-in");
    assert.equal(await signedIn.locator("form#sign-in").count(), 0);
    await sound(signedIn, "other-door");
    await signedIn.click("form[id^=partner-] button");
    await at(signedIn, "partner-hand-off");
    await signedIn.context().close();
    await page.context().close();
  });
}

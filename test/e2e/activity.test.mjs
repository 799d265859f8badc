// Devices and sessions, and what happened to an account, in a real browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, follow, launch, person, sound } from "./lib/browser.mjs";
import { newAddress, startDemo } from "./lib/demo.mjs";
import { allow, codesTo, codeTo, createByCode, enterCode, goodPassword, openService, signIn } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const all = process.env.AXE === "all";
const kinds = [
  { lang: "en", width: 1280 }, { lang: "fr", width: 320, script: false },
  ...(all ? [{ lang: "en", width: 320 }, { lang: "fr", width: 1280 }, { lang: "en", width: 1280, dark: true }, { lang: "fr", width: 320, dark: true }] : []),
];

// Presses the button of a form that is not its step's main one.
async function press(page, form) {
  await follow(page, page.locator(`form#${form} button`));
}

async function account(kind, name) {
  const page = await person(browser, kind);
  const email = newAddress(name);
  await createByCode(page, demo, demo.plain, email);
  await allow(page);
  return { page, email };
}

// The same person at another browser.
async function elsewhere(kind, email) {
  const page = await person(browser, kind);
  const sent = await codesTo(demo, email);
  await openService(page, demo.plain);
  await signIn(page, email, goodPassword);
  if ((await page.locator("form#one-time-code").count()) > 0) await enterCode(page, await codeTo(demo, email, sent));
  await page.goto(`${demo.issuer}/services`);
  await at(page, "connected-services");
  return page;
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}${kind.script === false ? ", without script" : ""}`;
  test(`sessions are seen and ended (${how})`, async () => {
    const { page, email } = await account(kind, "somebody-with-many-devices-and-a-long-name");
    await page.goto(`${demo.issuer}/settings`);
    await at(page, "settings");
    await page.click("#sessions-link");
    await at(page, "sessions");
    await sound(page, "one");
    const second = await elsewhere(kind, email);
    const third = await elsewhere(kind, email);
    await page.goto(`${demo.issuer}/settings/sessions`);
    await at(page, "sessions");
    assert.equal(await page.locator("#sessions > li").count(), 3);
    await sound(page, "three");
    await follow(page, page.locator("#sessions button").first());
    await at(page, "sessions");
    await sound(page, "ended");
    assert.equal(await page.locator("#sessions > li").count(), 2);
    await press(page, "end-others");
    await at(page, "sessions");
    assert.equal(await page.locator("#sessions > li").count(), 1);
    for (const other of [second, third]) {
      await other.goto(`${demo.issuer}/services`);
      await at(other, "session-ended");
      await other.context().close();
    }
    await press(page, "end-all");
    await at(page, "signed-out");
    await page.goto(`${demo.issuer}/services`);
    await at(page, "sign-in");
    await page.context().close();
  });

  test(`what happened is told in words (${how})`, async () => {
    const { page, email } = await account(kind, "somebody-who-looks");
    const stranger = await elsewhere({ ...kind, zone: "Asia/Tokyo" }, email);
    if (kind.script !== false) {
      await stranger.context().clearCookies({ name: "__Host-parvis_zone" }); // as a page that is the first to ask for the zone
      for (const path of ["/settings/activity", "/settings/sessions", "/settings"]) {
        await stranger.goto(`${demo.issuer}${path}`, { waitUntil: "commit" });
        await stranger.locator('[data-times="Asia/Tokyo"]').waitFor({ state: "attached" });
      }
    }
    await page.goto(`${demo.issuer}/settings`);
    await at(page, "settings");
    await page.click("#activity-link");
    await at(page, "activity");
    await sound(page);
    assert.ok((await page.locator("li.row.warn").count()) >= 1, "the sign-in with another browser is marked");
    assert.equal(await page.locator("[data-times]").getAttribute("data-times"), "America/Toronto");
    for (let i = 0; i < 12; i++) { // more than a page of it
      await stranger.goto(`${demo.issuer}/signout`);
      await press(stranger, "sign-out");
      await at(stranger, "signed-out");
      const sent = await codesTo(demo, email);
      await openService(stranger, demo.plain);
      await signIn(stranger, email, goodPassword);
      if ((await stranger.locator("form#one-time-code").count()) > 0) await enterCode(stranger, await codeTo(demo, email, sent));
    }
    await page.goto(`${demo.issuer}/settings/activity`);
    await at(page, "activity");
    assert.ok((await page.locator("#older").count()) > 0, "there are more pages");
    const newest = page.url();
    await page.click("#older");
    await page.waitForURL((url) => url.href !== newest);
    await at(page, "activity");
    assert.ok(new URL(page.url()).searchParams.get("before"), "an older page says before what it is");
    await sound(page, "older");
    await stranger.context().close();
    await page.context().close();
  });
}

for (const kind of kinds) {
  const how = `${kind.lang}, ${kind.width} px${kind.dark ? ", dark" : ""}${kind.script === false ? ", without script" : ""}`;
  test(`an account is secured from the mail and from its pages (${how})`, async () => {
    const { page, email } = await account(kind, "somebody-who-was-it-not");
    const stranger = await elsewhere(kind, email);
    await demo.advance("6m");
    const link = await demo.linkTo(email, "/wasnt-me/"); // the owner is told of the new device
    const reader = await person(browser, kind);
    await reader.goto(link);
    await at(reader, "wasnt-me");
    await sound(reader);
    await reader.locator("form#wasnt-me #submit").click();
    await at(reader, "wasnt-me-done");
    await sound(reader);
    await reader.goto(link);
    await at(reader, "wasnt-me");
    await sound(reader, "used");
    for (const other of [page, stranger]) {
      await other.goto(`${demo.issuer}/services`);
      await at(other, "session-ended");
    }
    await stranger.context().close();
    await page.context().close();
    await reader.click("#check");
    const sent = await codesTo(demo, email);
    await signIn(reader, email, goodPassword);
    if ((await reader.locator("form#one-time-code").count()) > 0) await enterCode(reader, await codeTo(demo, email, sent));
    await at(reader, "secure");
    await sound(reader);
    await follow(reader, reader.locator("#services button").first());
    await at(reader, "secure");
    await sound(reader, "removed");
    await reader.locator("form#secure-finish #submit").click();
    await at(reader, "secured");
    await sound(reader);
    await reader.context().close();
  });
}

// The account's pages with as much as an account can hold: twelve long addresses, many
// methods, twelve sessions of odd browsers, fifteen services with long names, a month of
// activity. Each is looked at on a phone and on a large screen, in the dark, with text of
// twice the size, and without JavaScript.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, dataPage, launch, person, shot, sound, submit } from "./lib/browser.mjs";
import { startDemo } from "./lib/demo.mjs";
import { signIn } from "./lib/steps.mjs";
import { appCode } from "./lib/totp.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo("--crowded"), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const pages = {
  "services": "connected-services", "settings": "settings", "settings/emails": "emails", "settings/methods": "methods",
  "settings/sessions": "sessions", "settings/activity": "activity", "settings/delete": "delete-account", "settings/secure": "secure",
  "services/crowd-1/email": "share-email", "services/crowd-1/disconnect": "disconnect",
};

async function enter(page, lang) {
  const who = demo.person("crowded");
  await demo.advance("30s"); // each code of an app works once
  await page.goto(`${demo.issuer}/signin?lang=${lang}`);
  await signIn(page, who.email, who.password);
  await at(page, "connected-services");
  await page.goto(`${demo.issuer}/settings/emails/add`);
  await at(page, "second-step");
  await page.fill("#code", appCode(who.secret, demo.now()));
  await submit(page, "second-step");
  await at(page, "emails");
}

async function open(page, path, name) {
  await page.goto(`${demo.issuer}/${path}?lang=${page.lang}`);
  await page.waitForLoadState();
  assert.equal(await dataPage(page), name, path);
}

// Headings without a jump, each row with what it is about before what can be done, and no
// two links or buttons of one name that do different things.
async function readable(page, where) {
  const wrong = await page.evaluate(() => {
    const out = [];
    const main = document.querySelector("main");
    let before = 0;
    for (const h of main.querySelectorAll("h1,h2,h3,h4,h5")) {
      const level = Number(h.tagName[1]);
      if (level > before + 1) out.push(`h${before} is followed by h${level}: ${h.textContent}`);
      before = level;
    }
    for (const row of main.querySelectorAll(".row")) {
      const first = row.querySelector("h2,h3,h4,h5,a,button");
      if (!/^H[2-5]$/.test(first?.tagName)) out.push(`a row begins with ${first?.outerHTML}`);
    }
    const said = new Map();
    for (const e of main.querySelectorAll("a,button")) {
      const text = e.getAttribute("aria-label") ?? e.textContent.trim();
      const to = e.getAttribute("href") ?? e.value ?? "";
      if (said.has(text) && said.get(text) !== to) out.push(`two are called ${text}: ${said.get(text)} and ${to}`);
      said.set(text, to);
    }
    return out;
  });
  assert.deepEqual(wrong, [], where);
}

const all = process.env.AXE === "all";
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const kind of [{ lang: "fr", width: 320 }, { lang: "en", width: 1280, dark: true }]) {
  test(`a full account's pages are sound (${kind.lang}, ${kind.width} px)`, async () => {
    const page = await person(browser, kind);
    await enter(page, kind.lang);
    for (const [path, name] of Object.entries(pages)) {
      await open(page, path, name);
      const looked = kind.width === 320 ? ["services", "emails", "methods", "activity", "delete"] : ["settings", "sessions", "secure"];
      if (all || looked.some((p) => path.endsWith(p))) await sound(page, "crowded");
      else assert.ok(await overflow(page) <= 0, `${name} ${kind.lang}: ${await overflow(page)} px of sideways scroll`);
      await readable(page, `${name} ${kind.lang}`);
      await page.locator("html").evaluate((e) => { e.style.fontSize = "200%"; });
      assert.ok(await overflow(page) <= 0, `${name} ${kind.lang}: ${await overflow(page)} px of sideways scroll with text of twice the size`);
      await shot(page, `${name}-crowded-large-text`);
    }
    await page.context().close();
  });
}

test("a month of activity is read page by page, by day, without JavaScript", async () => {
  const page = await person(browser, { lang: "fr", width: 320, script: false });
  await enter(page, "fr");
  await open(page, "settings/activity", "activity");
  let events = 0;
  let turned = 0;
  for (const days = new Set(); ; turned++) {
    for (const heading of await page.locator("h2.day").allTextContents()) days.add(heading);
    events += await page.locator(".row").count();
    assert.equal(await page.locator("h1").count(), 1);
    if (!(await page.locator("#older").count())) {
      assert.ok(days.size >= 30, `${days.size} days`);
      break;
    }
    const from = page.url();
    await page.click("#older");
    await page.waitForURL((to) => to.href !== from); // the page has the same name
    await at(page, "activity");
    assert.equal(await page.locator("#newest").count(), 1, "the newest are one link away");
    assert.ok(turned < 30, "it does not end");
  }
  assert.ok(events >= 200, `${events} events`);
  await page.context().close();
});

test("after an action the page says what was done, and the next one is where it was", async () => {
  const page = await person(browser, { lang: "en", width: 1280 });
  await enter(page, "en");
  await open(page, "settings/sessions", "sessions");
  const before = await page.locator("#sessions > .row").count();
  await page.locator("button[id^='end-']").first().click();
  await page.waitForURL(/ended=one/);
  await at(page, "sessions");
  assert.equal(await page.locator("#sessions > .row").count(), before - 1);
  assert.equal(await page.locator(".notice").first().getAttribute("role"), "status", "it is read without being asked for");
  await sound(page, "ended");
  await page.context().close();
});

// Chromium, its contexts, and what every page must fulfil.
import AxeBuilder from "@axe-core/playwright";
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const words = {
  en: { language: "en-CA", other: "fr" },
  fr: { language: "fr-CA", other: "en" },
};

// SHOTS=folder keeps a picture of each page that a test looks at.
const shots = process.env.SHOTS;

export async function launch() {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"],
  });
}

// A person's browser: language, with or without JavaScript, width, time zone (that of the deployment, where nothing else is said).
export async function person(browser, { lang = "en", script = true, width = 1280, dark = false, zone = "America/Toronto" } = {}) {
  const context = await browser.newContext({
    locale: words[lang].language, timezoneId: zone, javaScriptEnabled: script, viewport: { width, height: 900 },
    colorScheme: dark ? "dark" : "light", reducedMotion: "reduce",
  });
  context.setDefaultTimeout(30000);
  const page = await context.newPage();
  page.lang = lang;
  page.script = script;
  page.on("pageerror", (e) => { throw e; });
  return page;
}

// Waits for a page of this name, down to its last line and its scripts; not for its frames.
export async function at(page, name) {
  await page.locator(`body[data-page="${name}"]`).waitFor({ state: "attached" }).then(() => page.waitForLoadState("domcontentloaded")).catch(async (e) => {
    const found = await page.locator("body").getAttribute("data-page").catch(() => null);
    throw new Error(`expected the page ${name}, found ${found} at ${page.url()}: ${await page.locator("h1").first().textContent().catch(() => "")}\n${e.message}`);
  });
}

export async function dataPage(page) {
  return page.locator("body").getAttribute("data-page");
}

// Clicks on what leads to another page (also to the same one with an error) and waits until that is
// there. A click alone may be over before the browser has set out, and a look at the page is then one at the old one.
export async function follow(page, target) {
  const button = typeof target === "string" ? page.locator(target) : target;
  await button.waitFor(); // else the page that it stands on may be the one that arrives
  const arrived = page.waitForEvent("framenavigated", (frame) => frame === page.mainFrame());
  await Promise.all([arrived, button.click()]);
  await page.waitForLoadState();
}

// Submits the form of a step by its main button and waits for the next page.
export async function submit(page, form) {
  await follow(page, page.locator(`form#${form} :is(#submit, #logout-yes)`));
}

// axe over the page as it stands; also language, title, one h1, no sideways scroll at its width.
export async function sound(page, state = "ok") {
  const name = await dataPage(page);
  const where = `${name} ${page.lang} ${state}`;
  assert.equal(await page.locator("html").getAttribute("lang"), page.lang, `${where}: html lang`);
  assert.equal(await page.locator("h1").count(), 1, `${where}: one h1`);
  const title = await page.title();
  if (state === "error") assert.match(title, page.lang === "fr" ? /^Erreur\s?: / : /^Error: /, `${where}: title ${title}`);
  if (page.script) {
    const result = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
    assert.deepEqual(result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" | ")}`), [], `${where}: axe`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${where}: ${overflow} px of sideways scroll at ${page.viewportSize().width} px`);
  }
  await shot(page, `${name}-${state}`);
}

export async function shot(page, name) {
  if (!shots) return;
  await mkdir(shots, { recursive: true });
  const size = page.viewportSize().width;
  await page.screenshot({ path: `${shots}/${name}-${page.lang}-${size}.png`, fullPage: true });
}

export const here = fileURLToPath(new URL(".", import.meta.url));

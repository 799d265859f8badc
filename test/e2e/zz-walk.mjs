import { at, launch, person, submit, dataPage } from "./lib/browser.mjs";
import { startDemo } from "./lib/demo.mjs";
import { codesTo, codeTo, enterCode, signIn, openService } from "./lib/steps.mjs";
const out = process.env.OUT;
const demo = await startDemo();
const browser = await launch();
let n = 0;
async function shot(page, name) { await page.screenshot({ path: `${out}/${name}-${page.lang}-${page.viewportSize().width}.png`, fullPage: true }); 
  const breaks = await page.evaluate(() => { const bad = []; for (const h of document.querySelectorAll("h1,h2,h3,h4")) { const w = document.createTreeWalker(h, NodeFilter.SHOW_TEXT); for (let t; (t = w.nextNode());) { for (let i = 0; i < t.data.length - 1; i++) if (t.data[i] === "-") { const r = document.createRange(); r.setStart(t, i); r.setEnd(t, i + 1); const a = r.getBoundingClientRect(); r.setStart(t, i + 1); r.setEnd(t, i + 2); const b = r.getBoundingClientRect(); if (b.top > a.top + 3 && a.width) bad.push(h.textContent.trim()); } } } return bad; });
  console.log(name, page.lang, page.viewportSize().width, await dataPage(page), breaks.length ? "BREAKS " + JSON.stringify(breaks) : ""); }
async function prove(page, email, password) { const sent = await codesTo(demo, email); await signIn(page, email, password); await enterCode(page, await codeTo(demo, email, sent)); }
const P = demo.person("active").password;
const step = async (name, f) => { try { await f(); } catch (e) { console.log("FAILED", name, e.message.slice(0, 300)); } };
for (const kind of [{ lang: "fr", width: 320, script: true }, { lang: "en", width: 1280, script: false }]) {
  const page = await person(browser, kind);
  await step("contact", async () => { await page.goto(`${demo.issuer}/contact`); await shot(page, "contact"); await page.goto(`${demo.issuer}/help`); await shot(page, "help"); });
  await step("partner", async () => {
    await openService(page, demo.plain); await at(page, "sign-in"); await shot(page, "sign-in");
    await page.locator("button.door").first().click(); await page.waitForLoadState(); await shot(page, "hand-off");
    await page.locator("#continue-to-partner, a.govuk-button, button.govuk-button").first().click(); await page.waitForLoadState(); await shot(page, "bank");
    const who = kind.lang === "fr" ? "maya-brook" : "jules-cliff";
    await page.locator(`[value="${who}"]`).first().click(); await page.waitForLoadState(); 
    if (await page.locator("#submit").count() && !(await dataPage(page)).startsWith("partner")) { await page.locator("#submit").first().click(); await page.waitForLoadState(); }
    await page.waitForTimeout(1500); if ((await dataPage(page)) === "partner-returned") { await shot(page, "returned"); await page.locator("#submit").click(); await page.waitForLoadState(); }
    await shot(page, "partner-account");
    await page.click("#create-account-link, a[href*='create-account']"); await page.waitForLoadState(); await shot(page, "create");
    const email = `walk.${kind.lang}@northland.example`;
    await page.fill("form#create-account [name=email]", email); await page.check("form#create-account [name=terms]"); await submit(page, "create-account");
    await shot(page, "confirm"); await page.fill("#code", await demo.code(email)); await submit(page, "confirm-email"); await shot(page, "partner-create");
    await submit(page, "partner-create"); await shot(page, "consent"); 
    await page.goto(`${demo.issuer}/settings`); await shot(page, "settings-only");
    await page.locator("a[href$='/remove']").first().click(); await page.waitForLoadState(); await shot(page, "remove-only");
    await page.goto(`${demo.issuer}/settings/password`); await shot(page, "set-password");
    await page.goto(`${demo.issuer}/signin?start=forgot-password`); await shot(page, "forgot-first");
    await submit(page, "forgot-password"); await page.waitForLoadState(); await shot(page, "check-email");
    await page.goto(demo.link(await demo.mail(email))); await submit(page, "confirm-link"); await shot(page, "reset-first");
  });
  const b = await person(browser, kind);
  await step("merge", async () => {
    const first = demo.person("connected"), second = demo.person("second");
    await b.goto(`${demo.issuer}/settings/merge`); await at(b, "sign-in"); await prove(b, first.email, P); await at(b, "merge"); await shot(b, "merge");
    await submit(b, "merge"); await at(b, "sign-in"); await shot(b, "sign-in-other");
    await prove(b, second.email, P); await at(b, "merge-both"); await shot(b, "merge-both");
    await submit(b, "merge-both"); await shot(b, "merge-both-error");
    for (const g of await b.locator("form#merge-both input[type=radio][value=first]").all()) await g.check();
    await submit(b, "merge-both"); await shot(b, "settings-merged");
    const c = await person(browser, kind); await openService(c, demo.plain); const sent = await codesTo(demo, second.email); await signIn(c, second.email, P); await at(c, "second-step"); await shot(c, "second-step-merged"); await enterCode(c, await codeTo(demo, second.email, sent)); await at(c, "merged"); await shot(c, "merged");
    await b.goto(`${demo.issuer}/settings/merge/undo`); await shot(b, "merge-undo"); await submit(b, "merge-undo"); await shot(b, "settings-unmerged");
    await b.goto(`${demo.issuer}/settings`); const block = b.locator("a[href$='/block']").first(); await block.click(); await b.waitForLoadState(); await shot(b, "block"); await submit(b, "block-partner"); await shot(b, "settings-blocked");
    await b.locator("a[href$='/unblock']").first().click(); await b.waitForLoadState(); await shot(b, "unblock"); await submit(b, "unblock-partner");
    await b.locator("a[href$='/add']").first().click(); await b.waitForLoadState(); await shot(b, "add");
  });
  const w = await person(browser, kind);
  await step("ways", async () => { await openService(w, demo.plain); await w.click("#ways-link"); await at(w, "ways-in"); await shot(w, "ways-in"); await w.fill("form#ways-in [name=email]", "lee.shore@northland.example"); await submit(w, "ways-in"); await shot(w, "ways-sent"); 
    const mail = await demo.mail("lee.shore@northland.example"); console.log(mail.links.join(" ")); const back = mail.links.find((l) => l.includes("service=")); await w.goto(back); await w.waitForLoadState(); await shot(w, "ways-back"); });
}
await browser.close(); await demo.stop(); process.exit(0);

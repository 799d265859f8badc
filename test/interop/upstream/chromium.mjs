// A partner that speaks SAML in a real browser, which alone knows which cookies go with a post of another site, which
// redirects the policy of a page lets through, and what happens without scripts.
import assert from "node:assert/strict";
import { at, launch, person, sound } from "../../e2e/lib/browser.mjs";
import { eventually } from "../../e2e/lib/demo.mjs";

// From the service over the partner and back, as somebody who is there for the first time and then again.
export async function walkInChromium(serve, service, partner) {
  const browser = await launch();
  try {
    for (const script of [true, false]) {
      const name = script ? "scripted" : "plain";
      const first = await person(browser, { script, lang: script ? "en" : "fr", width: script ? 1280 : 320 });
      await toThePartner(first, service, partner);
      await signIn(first, partner, name);
      await at(first, "partner-account");
      await first.locator("#create-account-link").click();
      const email = `${partner.id}-${name}@example.org`;
      await first.locator("[name=email]").fill(email);
      await first.locator("[name=terms]").check();
      await first.locator("form#create-account #submit").click();
      await at(first, "confirm-email");
      await first.locator("[name=code]").fill(await serve.codeTo(email));
      await first.locator("form#confirm-email #submit").click();
      await at(first, "partner-create");
      await first.locator("form#partner-create #submit").click();
      const sub = await arrive(first, service);
      await first.context().close();

      const again = await person(browser, { script, lang: script ? "fr" : "en", width: script ? 320 : 1280 });
      await toThePartner(again, service, partner);
      await signIn(again, partner, name);
      assert.equal(await arrive(again, service), sub, "one person has one subject at the service");
      await leave(again, serve, partner);
      await again.context().close();
    }
  } finally {
    await browser.close();
  }
  console.log(`sign-in partner ${partner.id}: in Chromium with and without scripts`);
}

async function toThePartner(page, service, partner) {
  await page.route(`${new URL(service.partner.redirectUri).origin}/**`, (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<title>service</title>" }));
  page.blocked = [];
  page.on("console", (m) => { if (/Content.Security.Policy/i.test(m.text())) page.blocked.push(m.text()); });
  await page.goto((await service.begin()).href);
  await at(page, "sign-in");
  await page.locator(`#partner-${partner.id} button, button#partner-${partner.id}`).first().click();
  await at(page, "partner-hand-off");
  await sound(page);
  assert.equal(await page.locator("form#partner-hand-off").getAttribute("action"), partner.settings.issuer.replace("metadata.php", "SSOService.php"));
  await page.locator("form#partner-hand-off #submit").click();
}

async function signIn(page, partner, name) {
  await page.locator("[name=username]").fill(name);
  await page.locator("[name=password]").fill("paper lantern");
  await page.locator("#submit_button, [type=submit]").first().click();
  if (!page.script) await page.locator('form[action*="/callback"] button').click(); // its page posts the answer by a script, or by this button
}

// Out of here and, by choice, of the partner, whose answer comes back by itself.
async function leave(page, serve, partner) {
  await page.goto(`${serve.issuer}/signout`);
  await page.locator("form#sign-out #submit").click();
  await at(page, "signed-out");
  await page.locator("#partner-sign-out").click();
  await page.locator("#partner-left").waitFor();
  await sound(page, "left");
  await page.reload(); // the answer counts once, and the page says how it is done there
  await page.locator("#partner-not-left").waitFor();
  await sound(page, "not-left");
  await page.goto(`${serve.issuer}/partner/${partner.id}/logout?SAMLRequest=x`);
  await at(page, "partner-sign-out-refused");
  await sound(page);
  await page.locator("#sign-out-link").click();
  await at(page, "signed-out");
  assert.deepEqual(page.blocked, [], "no policy stopped anything");
}

async function arrive(page, service) {
  const stop = service.partner.redirectUri;
  // Nobody may listen there: what counts is the address where the browser ends.
  const reached = (is) => eventually(() => ({ found: is(page.url()), or: `the way to the service ends at ${page.url()}: ${page.blocked}` }));
  const there = (url) => url.startsWith(stop);
  const asked = (url) => new URL(url).pathname.endsWith("/consent");
  await reached((url) => there(url) || asked(url));
  if (asked(page.url())) await page.locator("form#consent #allow").click();
  await reached(there);
  assert.deepEqual(page.blocked, [], "no policy stopped anything");
  return (await service.redeem(new URL(page.url()))).sub;
}

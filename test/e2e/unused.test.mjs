// Accounts that nobody uses, in a real browser: the link of the mail keeps one, opening it does not, and one that nobody keeps is gone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { at, launch, person, sound, submit } from "./lib/browser.mjs";
import { eventually, newAddress, startDemo } from "./lib/demo.mjs";
import { allow, createByCode, goodPassword, signIn } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const kinds = [
  { lang: "en", script: true, width: 1280 }, { lang: "fr", script: false, width: 320 },
  { lang: "en", script: false, width: 320, dark: true }, { lang: "fr", script: true, width: 1280 },
];

// The newest mail to an address with a subject, and the link in it that leads below a path. Time goes
// on while it is waited for: a warning counts from when the mail server took it over, and what comes
// after it is due later where a slow machine sent it late.
async function mailThat(email, subject, path) {
  let looks = 0;
  const mail = await eventually(async () => {
    if (looks++ % 20 === 19) await demo.advance("1h");
    return { found: (await demo.mails(email)).find((m) => subject.test(m.subject)), or: `no mail ${subject} to ${email}` };
  });
  return mail.links.find((l) => l.includes(path ?? "")) ?? "";
}

// One clock for all of them: everybody stays away for as long.
test("the link of the mail keeps an account that nobody uses, and says what became of one", async () => {
  const people = [];
  for (const [i, kind] of kinds.entries()) {
    const page = await person(browser, kind);
    const email = newAddress(`stays-away-for-a-rather-long-time-${i}`);
    await createByCode(page, demo, demo.plain, email);
    await allow(page);
    people.push({ kind, page, email });
  }
  const gone = people[3];
  await demo.advance("8100h"); // no more than a year at once
  await demo.advance("8000h");

  for (const { kind, page, email } of people.slice(0, 3)) {
    const fr = kind.lang === "fr";
    const link = await mailThat(email, fr ? /sera supprimé le/ : /will be removed on/, "/keep/");
    await page.goto(link);
    await at(page, "unused-link");
    await sound(page, `open-${kind.lang}-${kind.width}`);
    await page.reload(); // opening it changes nothing
    await at(page, "unused-link");
    await submit(page, "unused-link");
    await at(page, "unused-link");
    await sound(page, `kept-${kind.lang}-${kind.width}`);
    assert.match(await page.textContent("main"), fr ? /Il ne sera pas supprimé/ : /It will not be removed/);
    await mailThat(email, fr ? /ne sera pas supprimé/ : /will not be removed/);
    await page.goto(`${demo.issuer}/keep/nothing`);
    await sound(page, `none-${kind.lang}-${kind.width}`);
    await page.goto(`${demo.issuer}/settings`); // the link signed nobody in
    await signIn(page, email, goodPassword);
    await at(page, "settings");
    await page.context().close();
  }

  const { page, email } = gone;
  await mailThat(email, /sera supprimé le/);
  for (const hours of ["1h", "1h", "1128h"]) await demo.advance(hours);
  await mailThat(email, /^Dernier rappel/);
  for (const hours of ["1h", "1h", "360h"]) await demo.advance(hours);
  await mailThat(email, /a été supprimé/);
  await page.goto(await mailThat(email, /^Dernier rappel/, "/keep/"));
  await at(page, "unused-link");
  await sound(page, "removed-fr-1280");
  await page.click("#create-link");
  await at(page, "create-account");
  await page.context().close();
});

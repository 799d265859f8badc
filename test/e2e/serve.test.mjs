// The main job in Chromium against `parvis serve`, on SQLite and, when FRESH_POSTGRES names an
// empty database, on PostgreSQL. The service is one page that shows what came back.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { startServe } from "../interop/serve.mjs";
import { at, launch, person, submit } from "./lib/browser.mjs";
import { goodPassword } from "./lib/steps.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

function service() {
  const server = createServer((request, answer) => {
    answer.setHeader("content-type", "text/html; charset=utf-8");
    const { searchParams } = new URL(request.url, "http://127.0.0.1");
    answer.end(`<!doctype html><title>service</title><p id="code">${searchParams.get("code")?.length ?? 0}</p><p id="state">${encodeURIComponent(searchParams.get("state") ?? "")}</p><p id="iss">${encodeURIComponent(searchParams.get("iss") ?? "")}</p>`);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const engines = [["SQLite", {}]];
if (process.env.FRESH_POSTGRES) engines.push(["PostgreSQL", { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES }]);

for (const [engine, env] of engines) {
  test(`people create accounts, agree, come back and sign in again (${engine})`, async (t) => {
    const rp = await service();
    t.after(() => rp.close());
    const redirectUri = `http://127.0.0.1:${rp.address().port}/callback`;
    const serve = await startServe([{ id: "chromium", name: "Chromium", secret: "a-secret-of-more-than-thirty-two-characters", redirectUri, more: { pkce: "optional" } }], env);
    try {
      for (const [lang, script] of [["en", true], ["fr", false]]) {
        await t.test(`in ${lang}, JavaScript ${script ? "on" : "off"}`, () => mainJob(serve, redirectUri, lang, script));
      }
    } finally {
      const code = await serve.stop();
      assert.equal(code, 0, serve.log.slice(-2000));
    }
  });
}

async function mainJob(serve, redirectUri, lang, script) {
  const email = `person.${lang}@example.org`;
  const start = `${serve.issuer}/authorize?${new URLSearchParams({ client_id: "chromium", redirect_uri: redirectUri, response_type: "code", scope: "openid email", state: "s p&ce=1", nonce: "n" })}`;
  const page = await person(browser, { lang, script });
  await page.goto(start);
  await at(page, "sign-in");
  await page.click("#create-account-link");
  await page.fill("form#create-account [name=email]", email);
  await page.check("form#create-account [name=terms]");
  await submit(page, "create-account");
  await at(page, "confirm-email");
  await page.goto(await serve.mailTo(email));
  await submit(page, "confirm-link");
  await page.fill("form#choose-password [name=password]", goodPassword);
  await submit(page, "choose-password");
  await at(page, "consent");
  assert.ok((await page.locator("main").innerText()).includes(email), "the value that is shared is shown");
  await page.click("#allow");
  await page.waitForURL((u) => u.href.startsWith(redirectUri));
  assert.equal(await page.locator("#state").innerText(), encodeURIComponent("s p&ce=1"));
  assert.equal(await page.locator("#iss").innerText(), encodeURIComponent(serve.issuer));
  assert.notEqual(await page.locator("#code").innerText(), "0");
  await page.context().clearCookies();
  await page.goto(start);
  await page.fill("form#sign-in [name=email]", email.toUpperCase());
  await page.fill("form#sign-in [name=password]", goodPassword);
  await page.locator("form#sign-in #submit").click();
  await page.waitForURL((u) => u.href.startsWith(redirectUri));
  await page.goto(`${serve.issuer}/services`);
  await at(page, "connected-services");
  assert.ok((await page.locator("main").innerText()).includes("Chromium"));
  await page.context().close();
}

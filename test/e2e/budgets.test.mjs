// What a page may weigh, and that nothing comes from elsewhere.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { at, launch, person } from "./lib/browser.mjs";
import { startDemo } from "./lib/demo.mjs";
import { openService } from "./lib/steps.mjs";

let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([startDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

const kB = 1000;
const limits = { css: 15 * kB, js: 12 * kB, html: 8 * kB, page: 40 * kB, requests: 6 };

for (const lang of ["en", "fr"]) {
  test(`the first view of the sign-in page is within its budget (${lang})`, async () => {
    const page = await person(browser, { lang });
    const seen = [];
    page.on("response", (r) => { if (r.url().startsWith(demo.issuer)) seen.push(r); });
    const foreign = [];
    page.on("request", (r) => { if (!r.url().startsWith(demo.issuer) && !r.url().startsWith(demo.plain.url) && !r.url().startsWith("data:")) foreign.push(r.url()); });
    await openService(page, demo.plain);
    await at(page, "sign-in");
    await page.waitForLoadState("networkidle");
    assert.deepEqual(foreign, [], "nothing comes from elsewhere");
    let total = 0;
    const pages = seen.filter((r) => r.status() === 200);
    for (const r of pages) {
      const body = await r.body();
      const size = gzipSync(body, { level: 9 }).length;
      total += size;
      const type = r.headers()["content-type"] ?? "";
      const limit = type.includes("css") ? limits.css : type.includes("javascript") ? limits.js : type.includes("html") ? limits.html : limits.page;
      assert.ok(size <= limit, `${r.url()} has ${size} bytes, at most ${limit}`);
    }
    assert.ok(total <= limits.page, `the page has ${total} bytes, at most ${limits.page}`);
    assert.ok(pages.length <= limits.requests, `${pages.length} requests: ${pages.map((r) => r.url())}`);
    await page.context().close();
  });
}

test("static files are sent compressed and may be kept for ever", async () => {
  const page = await fetch(`${demo.issuer}/en/`);
  const html = await page.text();
  const files = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+\.(?:css|js))"/g)].map((m) => m[1]);
  assert.ok(files.length >= 2, html.slice(0, 500));
  for (const file of files) {
    const answer = await fetch(demo.issuer + file, { headers: { "accept-encoding": "gzip" } });
    assert.match(answer.headers.get("cache-control"), /immutable/, file);
    // The theme is made at start from the configuration and is too small to be worth compressing.
    if (file.includes("/app.")) assert.match(answer.headers.get("content-encoding") ?? "", /gzip/, file);
    await answer.arrayBuffer();
  }
});

test("no page holds an inline script or style, and the policy forbids them", async () => {
  const answer = await fetch(`${demo.issuer}/en/`);
  const html = await answer.text();
  const policy = answer.headers.get("content-security-policy");
  for (const part of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) assert.ok(policy.includes(part), policy);
  assert.ok(!policy.includes("unsafe-inline"), policy);
  assert.ok(!/ style="/.test(html) && !/<style/.test(html) && !/ on[a-z]+="/.test(html), "inline style or handler");
});

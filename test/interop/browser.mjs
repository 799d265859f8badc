// A public client in the browser: oidc-client-ts in Chromium, with and without DPoP.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { launch } from "../e2e/lib/browser.mjs";

const library = readFileSync(fileURLToPath(new URL("../e2e/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js", import.meta.url)));

export function browserClient(port) {
  const origin = `http://localhost:${port}`; // of the same site as the issuer, so that a hidden frame has the cookies
  const party = {
    id: "interop-browser", name: "Interop browser",
    more: {
      auth: "none", redirect_uris: [`${origin}/callback`, `${origin}/silent`], post_logout_redirect_uris: [`${origin}/`], start_url: `${origin}/`,
      grant_types: ["authorization_code", "refresh_token"], scopes: ["openid", "email", "offline_access"],
    },
  };

  // The library, and whoever uses it: window.users.
  const page = (issuer) => `<!doctype html><title>Service</title><script src="/library.js"></script><script>
    const dpop = sessionStorage.dpop === "yes" ? { dpop: { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() } } : {};
    window.users = new oidc.UserManager({
      authority: ${JSON.stringify(issuer)}, client_id: "interop-browser", redirect_uri: "${origin}/callback", silent_redirect_uri: "${origin}/silent",
      post_logout_redirect_uri: "${origin}/", scope: "openid email offline_access", automaticSilentRenew: false, silentRequestTimeoutInSeconds: 60, ...dpop,
    });
    if (location.pathname === "/silent") users.signinSilentCallback();
  </script>`;

  async function walk(browser, issuer, person, dpop) {
    const context = await browser.newContext();
    context.setDefaultTimeout(60_000);
    try {
      const tab = await context.newPage();
      const told = [];
      tab.on("console", (m) => { if (m.type() === "error") told.push(m.text()); });
      await tab.goto(`${origin}/`);
      await tab.evaluate((on) => { sessionStorage.dpop = on ? "yes" : "no"; }, dpop);
      await tab.reload();
      await tab.evaluate(() => { users.signinRedirect(); });
      await tab.fill("#email", person.email);
      await tab.fill("#password", person.password);
      await tab.click("#submit");
      await tab.waitForURL((url) => url.pathname === "/callback" || url.pathname.endsWith("/consent"));
      if (tab.url().startsWith(issuer)) await tab.click("#allow");
      await tab.waitForURL((url) => url.origin === origin && url.pathname === "/callback");
      const first = await tab.evaluate(() => users.signinCallback().then((u) => ({ ...u, sub: u.profile.sub })));
      assert.deepEqual([first.token_type, first.scope], [dpop ? "DPoP" : "Bearer", "openid email offline_access"]);

      // The library itself asks userinfo only for bearer tokens.
      const info = await tab.evaluate(async ([at, bound]) => {
        const user = await users.getUser();
        const headers = { authorization: `${user.token_type} ${user.access_token}`, ...(bound ? { dpop: await users.dpopProof(at, user, "GET") } : {}) };
        return (await fetch(at, { headers })).json();
      }, [`${issuer}/userinfo`, dpop]);
      assert.deepEqual([info.sub, info.email], [first.sub, person.email]);

      // By refresh token, which is another one each time.
      const next = await tab.evaluate(() => users.signinSilent().then((u) => ({ refresh: u.refresh_token, type: u.token_type, sub: u.profile.sub })));
      assert.ok(next.refresh && next.refresh !== first.refresh_token);
      assert.deepEqual([next.type, next.sub], [first.token_type, first.sub]);
      // By a hidden frame and prompt=none.
      const framed = await tab.evaluate(async () => {
        const user = await users.getUser();
        delete user.refresh_token;
        await users.storeUser(user);
        return users.signinSilent().then((u) => ({ type: u.token_type, sub: u.profile.sub }));
      });
      assert.deepEqual(framed, { type: first.token_type, sub: first.sub });

      assert.deepEqual(told, [], "nothing was kept from the browser");
      await tab.evaluate(() => users.revokeTokens());
      await tab.evaluate(() => { users.signoutRedirect({ state: "leaving" }); });
      await tab.waitForURL((url) => url.href.startsWith(`${origin}/?state=`));
      const over = await tab.evaluate(() => users.signinSilent().then(() => "signed in", (e) => e.error));
      assert.equal(over, "login_required", "signed out at Parvis, too");
    } finally {
      await context.close();
    }
    console.log(`oidc-client-ts${dpop ? " with DPoP" : ""}: signed in, renewed by refresh token and by frame, signed out`);
  }

  async function run(issuer, person) {
    const server = createServer((request, response) => {
      if (request.url === "/library.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(library);
      if (request.url === "/favicon.ico") return response.writeHead(204).end();
      response.writeHead(200, { "content-type": "text/html" }).end(page(issuer));
    });
    await new Promise((resolve) => server.listen(port, "localhost", resolve));
    const browser = await launch();
    try {
      for (const dpop of [false, true]) await walk(browser, issuer, person, dpop);
    } finally {
      await browser.close();
      server.closeAllConnections();
      server.close();
    }
  }
  return { partners: [party], run };
}

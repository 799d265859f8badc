// People at a browser that knows no scripts, styles and frames: Lynx.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as client from "openid-client";

const secret = "an-interop-secret-of-more-than-32-characters";

// A service that says who came.
async function service(issuer, party) {
  const config = await client.discovery(new URL(issuer), party.id, secret, undefined, { execute: [client.allowInsecureRequests] });
  const begun = new Map();
  const here = new URL(party.redirectUri);
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, here);
    if (url.pathname === here.pathname) {
      const { verifier, nonce } = begun.get(url.searchParams.get("state")) ?? {};
      const said = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: url.searchParams.get("state") })
        .then(async (tokens) => `Landed as ${(await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).email}.`, (e) => `Refused: ${e.error ?? e.message}.`);
      return response.writeHead(200, { "content-type": "text/plain" }).end(said);
    }
    const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
    begun.set(state, { nonce, verifier });
    const to = client.buildAuthorizationUrl(config, {
      redirect_uri: here.href, scope: "openid email", state, nonce, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    });
    response.writeHead(302, { location: to.href }).end();
  });
  await new Promise((resolve) => server.listen(here.port, here.hostname, resolve));
  return server;
}

class Lynx {
  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "parvis-lynx-"));
    this.child = spawn("/usr/bin/python3", [fileURLToPath(new URL("./lynx.py", import.meta.url)), this.home], { stdio: ["pipe", "pipe", "inherit"] });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  // Acts, and waits for the page that says `words`, where there are any.
  async act(what, words) {
    this.child.stdin.write(`${JSON.stringify({ ...what, until: words })}\n`);
    const { done } = await this.lines.next();
    assert.ok(!done, `Lynx ended before it showed ${words}`);
  }

  async close() {
    this.child.stdin.end();
    await this.ended;
    rmSync(this.home, { recursive: true, force: true });
  }
}

export function lynx(redirect) {
  const party = { id: "interop-lynx", name: "Interop Lynx", secret, redirectUri: redirect };
  const newcomer = { email: "lynx@example.org", password: "grey boat on the quiet bay 3" };

  async function run(serve, person) {
    const server = await service(serve.issuer, party);
    const start = new URL("/", party.redirectUri).href;
    try {
      const first = new Lynx();
      await first.act({ open: start }, "Password");
      await first.act({ field: "Textfield", text: person.email });
      await first.act({ field: "Password entry", text: "a wrong password" });
      await first.act({ field: "Form submit", press: true }, "Error");
      await first.act({ field: "Password entry", text: person.password });
      await first.act({ field: "Form submit", press: true }, "Share this with");
      await first.act({ find: "allow", press: true }, `Landed as ${person.email}.`);
      await first.close();

      const second = new Lynx();
      await second.act({ open: start }, "Create an account");
      await second.act({ find: "Create an account", press: true }, "Create your account");
      await second.act({ field: "Textfield", text: newcomer.email });
      await second.act({ field: "Checkbox", press: true });
      await second.act({ field: "Form submit", press: true }, "Check your e-mail");
      await second.act({ field: "Textfield", text: await serve.codeTo(newcomer.email) });
      await second.act({ field: "Form submit", press: true }, "Choose a password");
      await second.act({ field: "Password entry", text: newcomer.password });
      await second.act({ field: "Form submit", press: true }, "Share this with");
      await second.act({ find: "deny", press: true }, "Refused: access_denied");
      await second.close();
    } finally {
      server.close();
      server.closeAllConnections();
    }
    console.log("Lynx: signed in and agreed, created an account and refused");
  }
  return { partners: [party], run };
}

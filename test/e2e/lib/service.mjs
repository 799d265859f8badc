// A service of a test's own beside those of the demonstration: registered from a file, it takes people back on a page.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, submit } from "./browser.mjs";
import { newAddress, startDemo } from "./demo.mjs";
import { allow, askForAccount, choosePassword } from "./steps.mjs";

const challenge = createHash("sha256").update("a-code-verifier-of-forty-three-characters-or-more").digest("base64url");
const landing = '<!doctype html><html lang="en"><title>service</title><body data-page="service-callback"><h1>service</h1></body></html>';

// A demonstration with a service: settings gives those of its registration, in YAML, for the address where it is.
export async function startService(id, settings) {
  const server = createServer((request, answer) => {
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end(landing);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const folder = await mkdtemp(join(tmpdir(), `parvis-${id}-`));
  try {
    const file = join(folder, "service.yaml");
    await writeFile(file, `partners:\n  - id: ${id}\n    redirect_uris: ["${url}/callback"]\n${settings(url)}`);
    return new Service(id, url, await startDemo("--partner", file), server, folder);
  } catch (e) {
    server.close();
    await rm(folder, { recursive: true, force: true });
    throw e;
  }
}

class Service {
  constructor(id, url, demo, server, folder) {
    Object.assign(this, { id, url, demo, server, folder });
  }

  // Comes from the service, which asks for the scopes and whatever else.
  async come(page, scope, more = {}) {
    const to = new URL("/authorize", this.demo.issuer);
    to.search = new URLSearchParams({
      client_id: this.id, redirect_uri: `${this.url}/callback`, response_type: "code", scope, state: "s", nonce: "n",
      code_challenge: challenge, code_challenge_method: "S256", ui_locales: page.lang, ...more,
    });
    await page.goto(to.href);
  }

  // Comes from the service and creates an account, up to the question what is shared; gives its address.
  async create(page, scope, name) {
    const email = newAddress(name);
    await this.come(page, scope);
    await askForAccount(page, email);
    await page.fill("form#confirm-email [name=code]", (await this.demo.mail(email)).codes[0]);
    await submit(page, "confirm-email");
    await choosePassword(page);
    await at(page, "consent");
    return email;
  }

  // Agrees to what is shared and is back at the service.
  async agree(page) {
    await allow(page);
    await at(page, "service-callback");
  }

  async stop() {
    await this.demo.stop();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

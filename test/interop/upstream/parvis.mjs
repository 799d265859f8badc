// A second Parvis as the sign-in partner of the first: private_key_jwt with the first one's published keys, iss in
// answers, acr. The request is pushed; ID tokens are not encrypted.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { binary, freePort, startServe } from "../serve.mjs";

const password = "paper lantern over the river 7";
const address = (person) => `${person}@province.example.org`;
const pageOf = (step) => step.html?.match(/data-page="([^"]*)"/)?.[1];

export async function secondParvis(parvis) {
  const port = await freePort();
  // Another host than the first one's: cookies know no ports.
  const issuer = `http://127.0.0.1:${port}`;
  return new SecondParvis({
    id: "parvis", parvis, port, issuer,
    settings: {
      id: "parvis", kind: "parvis", name: { en: "The Territory", fr: "Le Territoire" }, issuer, check_every: "1s", worth: { cap: "two-steps" },
      oidc: { client_id: "the-first-parvis", acr_values: ["urn:parvis:acr:2"], claims: ["acr", "auth_time"] },
    },
  });
}

class SecondParvis {
  strong = "urn:parvis:acr:2";
  always = true; // it always asks for as much as is asked of it
  asked = [];

  constructor(fields) { Object.assign(this, fields); }

  // Registers the first one with the keys that it publishes, and somebody who has an account.
  async known(serve) {
    const { parvis, id, port } = this;
    const jwks = await (await fetch(`${parvis}/jwks.json`)).text();
    this.serve = await startServe([{
      id: "the-first-parvis", name: "The first Parvis", redirectUri: `${parvis}/partner/${id}/callback`,
      more: { auth: "private_key_jwt", jwks, post_logout_redirect_uris: [`${parvis}/partner/${id}/signed-out`] },
    }], { PARVIS_KEYRING_PUBLISH_BEFORE: "4s", PARVIS_KEYRING_CACHE_FOR: "1s" }, { port, host: "127.0.0.1" });
    for (const person of ["first", "unwilling"]) await this.serve.createAccount(address(person), password);
    const told = execFileSync(binary, ["upstream", "check", id], { env: serve.environment, encoding: "utf8" });
    assert.ok(!/wrong/i.test(told), told);
  }

  async signIn(jar, step, how, stop) {
    this.asked.push(...(step.from ?? []).filter((url) => url.href.startsWith(`${this.issuer}/authorize?`)));
    const person = how.cancel ? "unwilling" : how.person; // who has agreed before is not asked again
    for (let i = 0; i < 6 && step.html && step.url.href.startsWith(this.issuer); i++) {
      const page = pageOf(step);
      if (page === "sign-in") {
        this.mails = this.serve.codesTo(address(person));
        step = await jar.post(step.url, step.html, "sign-in", { email: address(person), password }, stop);
      } else if (page === "second-step") {
        step = await jar.post(step.url, step.html, "second-step", { code: await this.serve.oneTimeCodeTo(address(person), this.mails) }, stop);
      } else if (page === "consent") {
        step = await jar.post(step.url, step.html, "consent", { choice: how.cancel ? "deny" : "allow" }, stop);
      } else throw new Error(`unexpected page ${page} at ${step.url}: ${step.html.slice(0, 800)}`);
    }
    return step;
  }

  leave(jar, step, stop) {
    return jar.post(step.url, step.html, "sign-out", { choice: "sign-out" }, `${stop}/nowhere`);
  }

  rollKeys() {
    execFileSync(binary, ["key", "rotate", "--apply", "--operator", "interop"], { env: this.serve.environment });
  }

  stop() { return this.serve.kill(); }

  start() { return this.serve.start(); }

  // What this partner was asked: who the first one is, what is needed, and nothing of a service.
  check(service) {
    const names = ["client_id", "request_uri"]; // the request itself is pushed (RFC 9126)
    assert.ok(this.asked.length >= 5, `${this.asked.length} requests were seen`);
    for (const url of this.asked) {
      assert.deepEqual([...url.searchParams.keys()].sort(), names);
      assert.ok(!decodeURIComponent(url.search).includes(service.partner.id), url.href);
    }
    assert.ok(!this.serve.log.includes(service.partner.id), "the service stands in its log");
  }

  async close() {
    if (this.serve) assert.equal(await this.serve.stop(), 0, "the second Parvis ends in good order");
  }
}

// What every sign-in partner is walked through, whatever it is and speaks.
//
// A partner is an object:
//   id, settings        its entry in the section upstreams of the configuration
//   always              it reaches what is asked of it, and is never weaker
//   strong              an acr that a service may demand, and only the partner's stronger sign-in reaches; none: not walked
//   signIn(jar, step, how, stop)
//                       fills in the partner's pages; how: { person, cancel, strong }; returns the step that comes after
//   rollKeys()          its signing keys are others from now on
//   stop(), start()     it is away, and back
//   leave(jar, step, stop)
//                       (optional) says yes on the partner's sign-out page, and comes back
//   answers             (optional) it says what came of a sign-out there
//   tells               (optional) its machine says by itself that somebody signed out there
//   hangUp(jar)         (optional) signs out on its own pages, which tell us by the browser
//   known(serve)        (optional) registers Parvis there, once it runs
//   check(service)      (optional) what the partner has learned of all that happened
//   close()             ends it
import assert from "node:assert/strict";
import * as client from "openid-client";
import { Jar } from "../../e2e/lib/jar.mjs";

const pageOf = (step) => step.html?.match(/data-page="([^"]*)"/)?.[1];

function on(step, ...pages) {
  assert.ok(pages.includes(pageOf(step)), `the page is ${pageOf(step)}, not ${pages}, at ${step.url}: ${step.html?.slice(0, 1500)}`);
  return step;
}

// The service that everybody is on the way to.
export class Service {
  constructor(serve, partner) { Object.assign(this, { serve, partner }); }

  async begin(more = {}) {
    const { id, secret, redirectUri } = this.partner;
    this.config ??= await client.discovery(new URL(this.serve.issuer), id, secret, undefined, { execute: [client.allowInsecureRequests] });
    this.checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
    return client.buildAuthorizationUrl(this.config, {
      redirect_uri: redirectUri, scope: "openid email", state: this.checks.expectedState, nonce: this.checks.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(this.checks.pkceCodeVerifier), code_challenge_method: "S256", ...more,
    });
  }

  // Goes on from wherever a sign-in has led, and returns the claims of the ID token.
  async arrive(jar, step) {
    const stop = this.partner.redirectUri;
    for (let i = 0; i < 4 && step.html; i++) {
      if (pageOf(step) === "partner-returned") step = await follow(jar, step, stop);
      else if (pageOf(step) === "consent") step = await jar.post(step.url, step.html, "consent", { choice: "allow", decision: "allow", allow: "allow" }, stop);
      else on(step, "partner-returned", "consent");
    }
    assert.ok(step.url.href.startsWith(stop), `the way to the service ends at ${step.url}`);
    return this.redeem(step.url);
  }

  // The claims of the ID token that a code is exchanged for.
  async redeem(url) {
    return (await client.authorizationCodeGrant(this.config, url, this.checks)).claims();
  }
}

// The page on which a partner's answer ends leads on by itself, to an address of ours.
async function follow(jar, step, stop) {
  const to = step.answer.headers.get("refresh")?.match(/^0; url=(\/.*)$/)?.[1];
  assert.ok(to, `no way on from ${step.url}`);
  return jar.follow(new URL(to, step.url), stop);
}

async function landed(jar, step) {
  return pageOf(step) === "partner-returned" ? follow(jar, step, "http://127.0.0.1") : step;
}

export async function walk(serve, service, partner) {
  const door = `partner-${partner.id}`;
  const stop = service.partner.redirectUri;

  // To the partner's door, the page about it, and its own pages; back to the first page of ours.
  async function visit(jar, how, demand) {
    let step = on(await jar.follow(await service.begin(demand)), "sign-in");
    step = on(await jar.post(step.url, step.html, door, {}), "partner-hand-off");
    const there = new URL(step.html.match(/id="submit" href="([^"]*)"/)[1].replaceAll("&amp;", "&"));
    assert.ok(!there.href.includes(service.partner.id) && !there.href.includes(encodeURIComponent(stop)), `the service stands in ${there}`);
    return partner.signIn(jar, await jar.follow(there), how, stop);
  }

  // Somebody whom the partner sends for the first time: terms, address, code, account.
  async function create(person, email) {
    const jar = new Jar();
    let step = on(await landed(jar, await visit(jar, { person })), "partner-account");
    step = on(await jar.follow(new URL(step.url.href.replace(/[^/]*$/, "create-account"))), "create-account");
    step = on(await jar.post(step.url, step.html, "create-account", { email, terms: "yes" }), "confirm-email");
    step = on(await jar.post(step.url, step.html, "confirm-email", { code: await serve.codeTo(email) }), "partner-create");
    return service.arrive(jar, await jar.post(step.url, step.html, "partner-create", {}, stop));
  }

  async function signIn(how, demand) {
    const jar = new Jar();
    return service.arrive(jar, await visit(jar, how, demand));
  }

  // The chooser says that the partner is away, and that it is back. (That it does so within five seconds is tested where
  // the clock is, in internal/upstream: here a busy machine takes longer.)
  async function chooserSays(id) {
    const since = Date.now();
    for (;;) {
      const { html } = await new Jar().follow(await service.begin());
      if (html.includes(`id="${id}"`)) return;
      assert.ok(Date.now() - since < 60_000, `the chooser does not show ${id} after a minute`);
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  // Signing out there, too, by choice; and where the partner tells, signing out there alone ends the session here.
  async function leave() {
    const jar = new Jar();
    await service.arrive(jar, await visit(jar, { person: "first" }));
    const asked = on(await jar.follow(new URL(`${serve.issuer}/signout`)), "sign-out");
    const out = on(await jar.post(asked.url, asked.html, "sign-out", {}), "signed-out");
    const there = new URL(out.html.match(/id="partner-sign-out" href="([^"]*)"/)[1].replaceAll("&amp;", "&"), out.url);
    const back = on(await partner.leave(jar, await jar.follow(there), serve.issuer), "signed-out");
    assert.ok(back.url.pathname === `/partner/${partner.id}/${partner.answers ? "logout" : "signed-out"}`, back.url.href);
    assert.ok(back.html.includes(`id="${partner.answers ? "partner-left" : "partner-back"}"`), back.html.slice(0, 2500));
    if (partner.hangUp) {
      const other = new Jar();
      await service.arrive(other, await visit(other, { person: "first" }));
      const elsewhere = new Jar();
      await service.arrive(elsewhere, await visit(elsewhere, { person: "first" }));
      on(await other.follow(new URL(`${serve.issuer}/services`)), "connected-services");
      await partner.hangUp(other);
      assert.notEqual(pageOf(await other.follow(new URL(`${serve.issuer}/services`))), "connected-services", "the session here outlives the one at the partner");
      on(await elsewhere.follow(new URL(`${serve.issuer}/services`)), "connected-services"); // opened by another session there
    }
    if (!partner.tells) return;
    const other = new Jar();
    await service.arrive(other, await visit(other, { person: "first" }));
    on(await other.follow(new URL(`${serve.issuer}/services`)), "connected-services");
    await partner.leave(other, await other.follow(there), serve.issuer);
    for (let i = 0; ; i++) {
      if (pageOf(await other.follow(new URL(`${serve.issuer}/services`))) !== "connected-services") return;
      assert.ok(i < 600, "the session here outlives the partner's notice");
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  await chooserSays(door);
  const first = await create("first", `first@${partner.id}.example.org`);
  const again = await signIn({ person: "first" });
  assert.equal(again.sub, first.sub, "one person has one subject at the service");

  let jar = new Jar();
  const step = on(await landed(jar, await visit(jar, { person: "first", cancel: true })), "partner-problem");
  on(await jar.post(step.url, step.html, "partner-back", {}), "sign-in");

  await partner.rollKeys();
  await new Promise((r) => setTimeout(r, 10500)); // keys are asked for again at most every ten seconds
  assert.equal((await signIn({ person: "first" })).sub, first.sub, "new keys of the partner are fetched");

  await partner.stop();
  await chooserSays(`${door}-down`);
  await partner.start();
  await chooserSays(door);
  assert.equal((await signIn({ person: "first" })).sub, first.sub);

  if (partner.leave) await leave();

  if (partner.strong) {
    const demand = { acr_values: partner.strong };
    assert.equal((await signIn({ person: "first", strong: true }, demand)).acr, partner.strong);
    if (!partner.always) {
      jar = new Jar();
      on(await landed(jar, await visit(jar, { person: "first" }, demand)), "second-step", "set-up-method");
    }
  }
  console.log(`sign-in partner ${partner.id}: created, returned, cancelled, keys rolled, away and back`);
}

// `kill -9` at random in the middle of 200 journeys loses nothing that was acknowledged.
//
// Two hundred people create an account, sign out and sign in again with another
// browser, while the server is killed at random and started again. Each person
// notes what the server acknowledged, repeats what it did not, and in the end
// everything noted must still be true.
import assert from "node:assert/strict";
import { Jar } from "../e2e/lib/jar.mjs";
import { startServe } from "../interop/serve.mjs";

const people = Number(process.env.PEOPLE ?? 200);
const kills = Number(process.env.KILLS ?? 12);
const workers = 16;
const password = "paper lantern over the river 7";
const limits = Object.fromEntries(["SIGNIN_IP", "SIGNIN_BROWSER", "ENROLLMENT_IP", "RESET_IP", "CODE_IP", "LINK_IP", "FLOW_IP", "AUTHORIZE_IP", "REQUEST_IP", "ENROLLMENT_ADDRESS", "MAIL_ADDRESS"].map((n) => [`PARVIS_LIMITS_${n}_COUNT`, "0"]));

const serve = await startServe([], { ...limits, PARVIS_CHALLENGE_WHEN: "off", ...(process.env.FRESH_POSTGRES ? { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES } : {}) });
let stopped = false;
let restarts = 0;
let slowest = 0;

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// Repeats a step until the server answers it. Answers of the server, even refusals, are no reason to repeat.
async function until(step) {
  for (let tries = 0; tries < 600; tries++) {
    try {
      return await step();
    } catch (e) {
      if (!/ECONNREFUSED|ECONNRESET|EPIPE|socket hang up|aborted|no page/.test(`${e.message} ${e.code}`)) throw e;
      await sleep(100);
    }
  }
  throw new Error("the server did not come back");
}

const pageOf = (step) => step.html?.match(/data-page="([^"]*)"/)?.[1];

async function journey(i) {
  const email = `person${i}@example.org`;
  const acknowledged = { email };
  // A whole creation is repeated when it broke off: each try begins at the start.
  for (let tries = 0; !acknowledged.active; tries++) {
    if (tries > 40) throw new Error(`${email}: no way through after ${tries} tries`);
    const jar = new Jar();
    let step = await until(() => jar.follow(new URL(`${serve.issuer}/signin?start=create-account`)));
    if (pageOf(step) !== "create-account") continue;
    const before = serve.mailsTo(email);
    step = await until(() => jar.post(step.url, step.html, "create-account", { email, terms: "yes" }));
    if (pageOf(step) !== "confirm-email") continue;
    // This page acknowledges a mail: it must come, whatever happens to the server.
    const link = await mailedLink(email, before);
    step = await until(() => jar.follow(new URL(link)));
    if (pageOf(step) !== "confirm-link") continue;
    step = await until(() => jar.post(step.url, step.html, "confirm-link", {}));
    // The last step of an earlier try was done although its answer was lost.
    if (pageOf(step) === "already-registered") {
      acknowledged.active = true;
      break;
    }
    if (pageOf(step) !== "choose-password") continue;
    step = await until(() => jar.post(step.url, step.html, "choose-password", { password }));
    if (pageOf(step) === "connected-services") {
      acknowledged.active = true;
      acknowledged.session = jar;
    }
  }
  return acknowledged;
}

// The outbox tries again with growing pauses, and what a killed server was sending only when its lease ends, which may
// happen to one mail more than once: it may take minutes.
async function mailedLink(email, before) {
  for (let i = 0; i < 10; i++) {
    const link = await serve.mailTo(email, before).catch(() => null);
    if (link) return link;
  }
  throw new Error(`the acknowledged mail to ${email} never came`);
}

async function signsIn(email) {
  const jar = new Jar();
  let step = await until(() => jar.follow(new URL(`${serve.issuer}/signin`)));
  step = await until(() => jar.post(step.url, step.html, "sign-in", { email, password }));
  return pageOf(step) === "connected-services" ? jar : null;
}

async function killer() {
  while (!stopped && restarts < kills) {
    await sleep(300 + Math.random() * 1500);
    if (stopped) return;
    await serve.kill();
    const start = performance.now();
    await serve.start();
    slowest = Math.max(slowest, performance.now() - start);
    restarts += 1;
  }
}

const noted = [];
let next = 0;
async function worker() {
  while (next < people) noted.push(await journey(next++));
}

try {
  const killing = killer();
  await Promise.all(Array.from({ length: workers }, worker));
  stopped = true;
  await killing;
  let sessions = 0;
  for (const a of noted) {
    assert.ok(await signsIn(a.email), `${a.email}: the acknowledged account does not sign in`);
    if (a.session) {
      const step = await a.session.follow(new URL(`${serve.issuer}/services`));
      assert.equal(pageOf(step), "connected-services", `${a.email}: the acknowledged session is gone`);
      sessions += 1;
    }
  }
  assert.equal(noted.length, people);
  assert.ok(restarts > 0, "the server was never killed: the test shows nothing");
  console.log(`${people} accounts and ${sessions} sessions acknowledged, ${restarts} kills, nothing lost; slowest start ${Math.round(slowest)} ms`);
} catch (e) {
  console.error(serve.log.slice(-5000));
  throw e;
} finally {
  await serve.stop();
}

// Signing keys that are replaced every ten seconds, under load, break no verification; and what is revoked at one node
// is refused by the other within a second.
//
// The key set may be kept for two seconds. On PostgreSQL two nodes stand behind a balancer; on SQLite there is one.
// Services sign people in, refresh, and ask userinfo, introspection and signed authorization answers, and verify each
// signature at once and once more shortly before its end. Half of them keep the key set exactly as long as they were
// told and never look earlier, whatever key they meet; the others keep it for ten minutes and look for a key that
// they do not know, as most libraries do.
import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { Jar } from "../e2e/lib/jar.mjs";
import { freePort, startServe } from "../interop/serve.mjs";

const seconds = Number(process.env.ROTATION_SECONDS ?? 65);
const every = 10_000;
const workers = 8;
const password = "paper lantern over the river 7";
const secret = "an-interop-secret-of-more-than-32-characters";
const verifier = "a-verifier-of-the-rotation-run-0123456789-0123456789";
const challenge = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(verifier))).toString("base64url");
const limits = Object.fromEntries(["SIGNIN_IP", "SIGNIN_BROWSER", "SIGNIN_ADDRESS", "SIGNIN_ADDRESS_IP", "SIGNIN_BURST_ADDRESS_IP", "ENROLLMENT_IP", "CODE_IP", "LINK_IP", "FLOW_IP", "AUTHORIZE_IP", "REQUEST_IP", "TOKEN_IP", "TOKEN_CLIENT", "MAIL_ADDRESS"].map((n) => [`PARVIS_LIMITS_${n}_COUNT`, "0"]));
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const pageOf = (step) => step.html?.match(/data-page="([^"]*)"/)?.[1];
const two = Boolean(process.env.FRESH_POSTGRES);

// A balancer that gives each connection to the next node.
async function balancer(port, nodes) {
  const counts = nodes.map(() => 0);
  let turn = 0;
  const server = createServer((from) => {
    const i = turn++ % nodes.length;
    counts[i]++;
    const to = connect(nodes[i], "127.0.0.1");
    from.pipe(to).pipe(from);
    for (const [one, other] of [[from, to], [to, from]]) one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { counts, close: () => server.close() };
}

const callback = await freePort();
const service = (id, alg) => ({
  id, name: id, secret, redirectUri: `http://127.0.0.1:${callback}/${id}`,
  more: { scopes: ["openid", "email", "offline_access"], grant_types: ["authorization_code", "refresh_token"], id_token_alg: alg, userinfo_signed_response_alg: alg, authorization_signed_response_alg: alg },
});
const [rs, es] = [service("rotation-rs", "RS256"), service("rotation-es", "ES256")];

const port = await freePort();
const ports = [await freePort(), ...(two ? [await freePort()] : [])];
const first = await startServe([rs, es], {
  ...limits, PARVIS_CHALLENGE_WHEN: "off",
  PARVIS_KEYRING_CACHE_FOR: "2s", PARVIS_KEYRING_PUBLISH_BEFORE: "5s", PARVIS_KEYRING_KEEP_AFTER: "65s", PARVIS_KEYRING_ROTATE_EVERY: "0s", PARVIS_OIDC_ID_TOKEN_LIFE: "1m",
  ...(two ? { PARVIS_DATABASE_URL: process.env.FRESH_POSTGRES } : {}),
}, { port, listen: ports[0] });
const nodes = [first];
if (two) nodes.push(await first.another(ports[1]));
const front = await balancer(port, ports);
const issuer = first.issuer;

// A request of a service's machine, at one node or at the next.
function ask(path, { form, token, accept, client, node } = {}) {
  const body = form && new URLSearchParams(form).toString();
  return new Promise((resolve, reject) => {
    const sent = request(`${issuer}${path}`, {
      method: form ? "POST" : "GET", ...(node === undefined ? {} : { port: ports[node] }),
      headers: {
        host: new URL(issuer).host,
        ...(body ? { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(body) } : {}),
        ...(client ? { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}` } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}), ...(accept ? { accept } : {}),
      },
    }, (got) => {
      const parts = [];
      got.on("data", (b) => parts.push(b));
      got.on("end", () => resolve({ status: got.statusCode, headers: got.headers, text: Buffer.concat(parts).toString(), json() { return JSON.parse(this.text); } }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function good(path, how) {
  const answer = await ask(path, how);
  assert.equal(answer.status, 200, `${path}: ${answer.status} ${answer.text}`);
  return answer;
}

const keys = (await good("/jwks.json")).headers["cache-control"];
const maxAge = Number(keys.match(/max-age=(\d+)/)?.[1]) * 1000;
assert.equal(maxAge, 2000, keys);

// What a service does when it verifies; `strict` keeps the set as it was told and never looks earlier.
function verifying(client, strict) {
  const set = createRemoteJWKSet(new URL(`${issuer}/jwks.json`), strict ? { cacheMaxAge: maxAge, cooldownDuration: 3_600_000 } : { cacheMaxAge: 600_000, cooldownDuration: 1000 });
  return (token) => jwtVerify(token, set, { issuer, audience: client.id, clockTolerance: 5 });
}

const counts = { "ID tokens": 0, "userinfo answers": 0, introspections: 0, "authorization answers": 0, "once more": 0 };
const used = new Set();
const failures = [];
const again = [];
async function verified(kind, verify, token, client) {
  used.add(decodeProtectedHeader(token).kid);
  try {
    const { payload } = await verify(token);
    counts[kind]++;
    again.push({ verify, token, client, exp: payload.exp ? payload.exp * 1000 : 0, at: Date.now() });
    return payload;
  } catch (e) {
    failures.push(`${kind} of ${client.id}, key ${decodeProtectedHeader(token).kid}: ${e.code} ${e.message}`);
    return null;
  }
}

// The address that a sign-in begins at; with `jwt` the answer is signed (JARM).
function authorize(client, more = {}) {
  const url = new URL(`${issuer}/authorize`);
  for (const [k, v] of Object.entries({ client_id: client.id, redirect_uri: client.redirectUri, response_type: "code", scope: "openid email offline_access", state: "s", nonce: "n", code_challenge: challenge, code_challenge_method: "S256", ...more })) url.searchParams.set(k, v);
  return url;
}

const redeem = (client, code) => good("/token", { client, form: { grant_type: "authorization_code", code, redirect_uri: client.redirectUri, code_verifier: verifier } }).then((a) => a.json());
const refresh = (client, token, node) => ask("/token", { client, node, form: { grant_type: "refresh_token", refresh_token: token } });

// Passwords are slow on purpose: one at a time here, the load is elsewhere.
let typing = Promise.resolve();
const typed = (signIn) => (typing = typing.then(signIn));

let stopped = false;
let signIns = 0;
let refreshes = 0;
async function worker(i) {
  const client = i % 2 ? es : rs;
  const verify = verifying(client, i % 4 < 2);
  const person = { email: `rotation${i}@example.org`, password, redirectUri: client.redirectUri };
  let jar = new Jar();
  for (let round = 0; !stopped; round++) {
    const anew = round % 8 === 0; // somebody types the password, else the browser is known
    if (anew) jar = new Jar();
    const signIn = () => jar.signIn(authorize(client, { response_mode: "jwt" }), person);
    const back = await (anew ? typed(signIn) : signIn());
    const answer = await verified("authorization answers", verify, back.searchParams.get("response"), client);
    if (!answer) continue;
    let tokens = await redeem(client, answer.code);
    signIns++;
    await verified("ID tokens", verify, tokens.id_token, client);
    for (let n = 0; n < 3 && !stopped; n++) {
      const renewed = await refresh(client, tokens.refresh_token);
      assert.equal(renewed.status, 200, renewed.text);
      tokens = renewed.json();
      refreshes++;
      await verified("ID tokens", verify, tokens.id_token, client);
      await verified("userinfo answers", verify, (await good("/userinfo", { token: tokens.access_token })).text, client);
      await verified("introspections", verify, (await good("/introspect", { client, form: { token: tokens.access_token }, accept: "application/token-introspection+jwt" })).text, client);
      await sleep(50);
    }
  }
}

// Verifies each ID token once more, shortly before it ends: its key may long be replaced.
async function lateReader() {
  while (!stopped || again.length) {
    const next = again[0];
    if (!next || (!stopped && Date.now() < next.at + 45_000)) {
      await sleep(50);
      continue;
    }
    again.shift();
    if (next.exp === 0 || next.exp < Date.now() || Date.now() > next.at + 58_000) continue;
    await next.verify(next.token).then(() => counts["once more"]++, (e) => failures.push(`once more, ${next.client.id}, key ${decodeProtectedHeader(next.token).kid}: ${e.code} ${e.message}`));
  }
}

async function rotator(until) {
  let rotations = 0;
  for (let at = Date.now(); at < until; at += every) {
    await sleep(Math.max(0, at - Date.now()));
    await first.command("key", "rotate", "--apply", "--operator", "rotation run");
    rotations++;
  }
  await sleep(Math.max(0, until - Date.now()));
  return rotations;
}

// Does something at the first node, and measures how long the last one goes on as before: a second at most.
let worst = 0;
async function revoked(what, act, refused) {
  assert.ok(!(await refused()), `${what}: refused before anything happened`);
  await act();
  const start = performance.now();
  while (!(await refused())) {
    assert.ok(performance.now() - start < 1000, `${what}: still good after a second`);
    await sleep(10);
  }
  const took = performance.now() - start;
  worst = Math.max(worst, took);
  console.log(`  ${what}: refused after ${Math.round(took)} ms`);
}

async function revocations() {
  const last = ports.length - 1;
  const email = "revoked@example.org";
  await first.createAccount(email, password);
  const here = new Jar({ via: ports[0] });
  const person = { email, password, redirectUri: rs.redirectUri };
  const begin = async (client = rs) => {
    const back = await here.signIn(authorize(client), { ...person, redirectUri: client.redirectUri });
    return redeem(client, back.searchParams.get("code"));
  };
  const closed = (token) => async () => (await ask("/userinfo", { token, node: last })).status === 401;
  const silent = (token, client = rs) => async () => {
    const answer = await ask("/introspect", { client, node: last, form: { token } });
    return answer.status !== 200 || answer.json().active === false;
  };
  const both = (tokens, client) => async () => (await closed(tokens.access_token)()) && (await silent(tokens.refresh_token, client)());
  const submit = async (path, form, fields = {}) => {
    const step = await here.follow(new URL(`${issuer}${path}`));
    return here.post(step.url, step.html, form, fields);
  };

  let tokens = await begin();
  await revoked("an access token", () => good("/revoke", { client: rs, node: 0, form: { token: tokens.access_token } }), closed(tokens.access_token));
  await revoked("a refresh token", () => good("/revoke", { client: rs, node: 0, form: { token: tokens.refresh_token } }), silent(tokens.refresh_token));

  // The browser is known at the last node until its session is ended at the first one.
  tokens = await begin();
  const there = new Jar({ via: ports[last] });
  there.cookies = new Map(here.cookies);
  const stranger = async () => {
    const step = await there.follow(authorize(rs, { prompt: "none" }), rs.redirectUri);
    return step.url.searchParams.get("error") === "login_required";
  };
  await revoked("a session that is signed out", () => submit("/signout", "sign-out"), stranger);

  tokens = await begin();
  there.cookies = new Map(here.cookies);
  await revoked("a session, by signing out everywhere", () => submit("/settings/sessions", "end-all"), async () => (await stranger()) && (await silent(tokens.refresh_token)()));

  tokens = await begin();
  await here.signIn(authorize(rs), person);
  await revoked("a service that is disconnected", () => submit(`/services/${rs.id}/disconnect`, "disconnect"), both(tokens, rs));

  // Commands change services that a command added; each node hears of it by itself.
  const ended = service("rotation-ended", "RS256");

  const file = join(first.folder, "rotation-ended.yaml");
  writeFileSync(file, JSON.stringify({ partners: [{ id: ended.id, name: { en: "Ended", fr: "Terminé" }, department: { en: "Tests", fr: "Essais" }, redirect_uris: [ended.redirectUri], start_url: ended.redirectUri, ...ended.more }] }));
  ended.secret = JSON.parse(await first.command("partner", "add", "--file", file, "--json", "--apply", "--operator", "rotation run")).client_secret;
  await sleep(5000); // by then both nodes know it
  tokens = await begin(ended);
  await revoked("a service that is disabled", () => first.command("partner", "disable", ended.id, "--apply", "--operator", "rotation run"), async () => (await closed(tokens.access_token)()) && (await refresh(ended, tokens.refresh_token, last)).status === 401);

  tokens = await begin();
  there.cookies = new Map(here.cookies);
  await revoked("an account that is deleted", () => first.command("account", "delete", email, "--apply", "--operator", "rotation run"), async () => (await stranger()) && (await both(tokens, rs)()));
}

try {
  for (let i = 0; i < workers; i++) await first.createAccount(`rotation${i}@example.org`, password);
  console.log(`  ${nodes.length} node${two ? "s" : ""}, ${workers} services' machines, a rotation every ${every / 1000} s for ${seconds} s, key set kept for ${maxAge / 1000} s`);
  const reading = lateReader();
  const working = Promise.all(Array.from({ length: workers }, (_, i) => worker(i)));
  working.catch(() => {}); // it is awaited below
  const rotations = await Promise.race([rotator(Date.now() + seconds * 1000), working.then(() => { throw new Error("the services stopped"); })]);
  stopped = true;
  await working;
  await reading;
  const total = Object.values(counts).reduce((a, b) => a + b);
  console.log(`  ${rotations} rotations, ${used.size} keys that signed, ${signIns} sign-ins, ${refreshes} refreshes; ${total} verifications (${Object.entries(counts).map(([k, n]) => `${n} ${k}`).join(", ")}), ${failures.length} failed`);
  if (two) console.log(`  connections at each node: ${front.counts.join(" and ")}`);
  assert.deepEqual(failures, []);
  // Keys of both algorithms; the newest may not have signed yet.
  assert.ok(used.size >= 2 * (rotations - 1), `only ${used.size} keys signed: the run shows nothing`);
  for (const [kind, n] of Object.entries(counts)) assert.ok(n > 0, `nothing was verified: ${kind}`);
  await revocations();
  console.log(`  revocation: at most ${Math.round(worst)} ms${two ? " at the other node" : ""}`);
} catch (e) {
  for (const node of nodes) console.error(node.log.slice(-3000));
  throw e;
} finally {
  front.close();
  stopped = true;
  for (const node of nodes.slice(1)) assert.equal(await node.leave(), 0, "the other node ends in good order");
  assert.equal(await first.stop(), 0, "the node ends in good order");
}

// One demonstration per test file: the real binary, its ready file, its mailbox and its clock.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../../bin/parvis", import.meta.url));

// Four free ports in a row: the sign-in service, the two example services and the bank. They are
// below those that the kernel gives away, and two files at once share all four or none.
async function freePort() {
  for (let tries = 0; tries < 50; tries++) {
    const port = 12000 + 4 * Math.floor(Math.random() * 5000);
    const others = await Promise.all([1, 2, 3].map((i) => free(port + i, "127.0.0.1")));
    if (await free(port, "localhost") && others.every(Boolean)) return port;
  }
  throw new Error("no four free ports in a row");
}

function free(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

export async function startDemo(...flags) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "parvis-e2e-"));
  const readyFile = join(folder, "ready.json");
  let log = "";
  const child = spawn(binary, ["demo", "--port", String(port), "--dir", join(folder, "data"), "--ready-file", readyFile, ...flags]);
  child.stdout.on("data", (b) => { log += b; });
  child.stderr.on("data", (b) => { log += b; });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = await Promise.race([waitForFile(readyFile), ended.then((code) => { throw new Error(`the demo ended with ${code}:\n${log}`); })]);
  return new Demo(ready, child, ended, folder, () => log);
}

async function waitForFile(path) {
  for (let i = 0; i < 300; i++) {
    try {
      return JSON.parse(await readFile(path, "utf8"));
    } catch {
      await new Promise((r) => setTimeout(r, 100));
    }
  }
  throw new Error("the demo was not ready after 30 seconds");
}

class Demo {
  constructor(ready, child, ended, folder, log) {
    Object.assign(this, { ready, child, ended, folder, log, issuer: ready.issuer, ahead: 0 });
    [this.plain, this.strict] = ready.services;
    [this.bank] = ready.partners;
  }

  person(state) {
    const found = this.ready.people.find((p) => p.state === state);
    if (!found) throw new Error(`the demo has no person who is ${state}: ${JSON.stringify(this.ready.people)}`);
    return found;
  }

  async mails(to) {
    const answer = await fetch(`${this.issuer}/demo/mailbox.json`);
    const all = await answer.json();
    return to ? all.filter((m) => m.to === to) : all;
  }

  // The newest mail to an address whose place in the mailbox is beyond `after` mails.
  async mail(to, after = 0) {
    for (let i = 0; i < 100; i++) {
      const found = await this.mails(to);
      if (found.length > after) return found[0];
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`no mail number ${after + 1} to ${to}`);
  }

  // The newest one-time code to an address or number that got more than `after` codes before.
  async code(to, after = 0) {
    for (let i = 0; i < 100; i++) {
      const found = (await this.mails(to)).filter((m) => m.codes.length > 0);
      if (found.length > after) return found[0].codes[0];
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`no code number ${after + 1} to ${to}`);
  }

  // The demonstration's time, in milliseconds.
  now() {
    return Date.now() + this.ahead;
  }

  // Lets the bank make a mistake until another one, or "none", is chosen.
  async fault(name) {
    const answer = await fetch(`${this.bank.url}/faults.json`, { method: "POST", body: new URLSearchParams({ fault: name }) });
    if (!answer.ok) throw new Error(`fault: ${answer.status} ${await answer.text()}`);
  }

  link(mail) {
    const found = mail.links.find((l) => l.includes("/link/"));
    if (!found) throw new Error(`no link in ${JSON.stringify(mail)}`);
    return found;
  }

  async advance(by) {
    const answer = await fetch(`${this.issuer}/demo/clock`, { method: "POST", body: new URLSearchParams({ advance: by }) });
    if (!answer.ok) throw new Error(`clock: ${answer.status} ${await answer.text()}`);
    for (const [, count, unit] of by.matchAll(/(\d+)([hms])/g)) this.ahead += Number(count) * { h: 3_600_000, m: 60_000, s: 1000 }[unit];
  }

  async stop() {
    this.child.kill("SIGTERM");
    const code = await this.ended;
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }
}

let counter = 0;

// A fresh address that no other test uses.
export function newAddress(name = "person") {
  counter += 1;
  return `${name}.${process.pid}.${counter}@example.org`;
}

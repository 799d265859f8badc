// One demonstration per test file: the real binary, its ready file, its mailbox and its clock.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./ports.mjs";

const binary = fileURLToPath(new URL("../../../bin/parvis", import.meta.url));

export async function startDemo(...flags) {
  const port = await freePorts(4); // the sign-in service, the two example services and the bank
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

const waitForFile = (path) => eventually(async () => {
  const found = await readFile(path, "utf8").then(JSON.parse).catch(() => null);
  return { found, or: "the demo was not ready" };
});

// Looks again and again until something is found, for a minute: a slow machine is no failure. What is
// looked for comes as `found`, and what to say where it never comes as `or`.
export async function eventually(look) {
  const end = Date.now() + 60_000;
  for (;;) {
    const { found, or } = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(or);
    await new Promise((r) => setTimeout(r, 100));
  }
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
  mail(to, after = 0) {
    return this.newest(to, () => true, after, "mail");
  }

  // The newest one-time code to an address or number that got more than `after` codes before.
  async code(to, after = 0) {
    return (await this.newest(to, (m) => m.codes.length > 0, after, "code")).codes[0];
  }

  // The newest mail to an address or number that fits, beyond `after` that fitted before; subjects are told where none comes.
  newest(to, fits, after = 0, what = "such mail") {
    return eventually(async () => {
      const all = await this.mails(to);
      const found = all.filter(fits);
      return { found: found.length > after && found[0], or: `no ${what} number ${after + 1} to ${to} among: ${all.map((m) => m.subject).join(", ")}` };
    });
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

  // The newest link in the mails to an address that leads below a path, and is none of those that were seen.
  async linkTo(to, path, seen = []) {
    const leads = (l) => l.includes(path) && !seen.includes(l);
    return (await this.newest(to, (m) => m.links.some(leads), 0, `link to ${path}`)).links.find(leads);
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

// A fresh `parvis serve` on loopback with partners in its configuration file, a mail sink, and one active account.
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Jar } from "../e2e/lib/jar.mjs";
import { freePort } from "../e2e/lib/ports.mjs";

export const binary = fileURLToPath(new URL("../../bin/parvis", import.meta.url));

export { freePort };

// A mail server that keeps what it receives.
export async function mailSink() {
  const mails = [];
  const server = createServer((socket) => {
    let data = null;
    let rest = "";
    const say = (line) => socket.write(`${line}\r\n`);
    say("220 sink");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      for (let end; (end = rest.indexOf("\r\n")) >= 0;) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data !== null) {
          if (line === ".") {
            mails.push(Buffer.from(data, "latin1").toString("utf8"));
            data = null;
            say("250 kept");
          } else data += `${line.replace(/^\.\./, ".")}\n`;
        } else if (/^DATA/i.test(line)) {
          data = "";
          say("354 go on");
        } else if (/^QUIT/i.test(line)) {
          say("221 bye");
          socket.end();
        } else if (/^EHLO/i.test(line)) say("250 sink");
        else say("250 ok");
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, mails, close: () => server.close() };
}

// A mail whose text part is quoted-printable or plain, as text.
const plain = (mail) => mail.replace(/=\n/g, "").replace(/=3D/g, "=");

function linkIn(mail) {
  return plain(mail).match(/https?:\/\/[^\s"<>]+\/link\/[A-Za-z0-9_-]+/)?.[0];
}

// `more.port` is the port where one must be known beforehand, `more.host` another name of this machine; `more.upstreams` are sign-in partners,
// `more.tls` the files of its own TLS, `more.listen` the port to listen on where that of the public address is a balancer's, and `more.settings` further sections of the configuration. A partner's `more` are further settings of it; one without a redirectUri has none.
export async function startServe(partners, env = {}, more = {}) {
  const folder = mkdtempSync(join(tmpdir(), "parvis-serve-"));
  const [port, operations] = [more.port ?? await freePort(), await freePort()];
  const sink = await mailSink();
  const issuer = `${more.tls ? "https" : "http"}://${more.host ?? "localhost"}:${port}`;
  execFileSync(binary, ["init", "--dir", folder, "--data", folder, "--public-url", issuer]);
  const file = join(folder, "parvis.yaml");
  let text = readFileSync(file, "utf8")
    .replace('owner: {en: "", fr: ""}', "owner: {en: Government of Tests, fr: Gouvernement des Essais}")
    .replace(/^# partners:[\s\S]*$/m, "");
  if (more.upstreams) text += `\noutbound: {allow: ["127.0.0.0/8", "::1/128"]}\nupstreams: ${JSON.stringify(more.upstreams)}\n`;
  for (const [key, value] of Object.entries(more.settings ?? {})) text += `\n${key}: ${JSON.stringify(value)}\n`;
  text += "\npartners:\n";
  for (const p of partners) {
    if (p.secret) writeFileSync(join(folder, `${p.id}.secret`), p.secret, { mode: 0o600 });
    text += `  - id: ${p.id}\n    name: {en: ${p.name}, fr: ${p.name}}\n    department: {en: Ministry of Tests, fr: Ministère des Essais}\n`;
    if (p.redirectUri) text += `    redirect_uris: ["${p.redirectUri}"]\n    start_url: "${new URL("/", p.redirectUri)}"\n`;
    if (p.secret) text += `    secret_file: ${join(folder, `${p.id}.secret`)}\n`;
    for (const [key, value] of Object.entries({ scopes: ["email"], ...p.more })) text += `    ${key}: ${JSON.stringify(value)}\n`;
  }
  writeFileSync(file, text);
  const environment = {
    ...process.env, PARVIS_CONFIG: file,
    PARVIS_SERVER_LISTEN: `127.0.0.1:${more.listen ?? port}`, PARVIS_SERVER_OPERATIONS_LISTEN: `127.0.0.1:${operations}`,
    PARVIS_MAIL_FROM: "parvis@example.org", PARVIS_MAIL_SERVER_HOST: "127.0.0.1", PARVIS_MAIL_SERVER_PORT: String(sink.port), PARVIS_MAIL_SERVER_TLS: "none",
    PARVIS_PUBLIC_CONTACT_DESK: "desk@example.org",
    ...(more.tls ? { PARVIS_SERVER_TLS_CERTIFICATE_FILE: more.tls.certificate, PARVIS_SERVER_TLS_KEY_FILE: more.tls.key } : {}), ...env,
  };
  const running = new Serve({ folder, issuer, operations, sink, environment });
  await running.start().catch(async (e) => {
    await running.stop(); // what listens on would keep the caller's process alive
    throw e;
  });
  return running;
}

class Serve {
  log = "";

  constructor(fields) { Object.assign(this, fields); }

  async start() {
    this.child = spawn(binary, ["serve"], { env: this.environment });
    this.child.stdout.on("data", (b) => { this.log += b; });
    this.child.stderr.on("data", (b) => { this.log += b; });
    let ended = null;
    this.ended = new Promise((resolve) => this.child.once("exit", (code) => { ended = code ?? -1; resolve(code); }));
    for (let i = 0; i < 600; i++) {
      if (ended !== null) throw new Error(`parvis serve ended with ${ended}:\n${this.log}`);
      const ready = await fetch(`http://127.0.0.1:${this.operations}/readyz`).then((r) => r.ok, () => false);
      if (ready) return;
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`parvis serve was not ready:\n${this.log}`);
  }

  // Starts another node of the same deployment.
  async another(listen) {
    const operations = await freePort();
    const node = new Serve({ ...this, log: "", operations, environment: { ...this.environment, PARVIS_SERVER_LISTEN: `127.0.0.1:${listen}`, PARVIS_SERVER_OPERATIONS_LISTEN: `127.0.0.1:${operations}` } });
    await node.start();
    return node;
  }

  // Runs a command of the same deployment, and gives what it prints.
  command(...words) {
    return promisify(execFile)(binary, words, { env: this.environment }).then(({ stdout }) => stdout);
  }

  // How many mails with a link came to an address.
  mailsTo(address) {
    return this.sink.mails.filter((m) => m.includes(address) && linkIn(m)).length;
  }

  // The link in the newest mail to an address, once there are more than `after`.
  async mailTo(address, after = 0) {
    for (let i = 0; i < 600; i++) {
      if (this.mailsTo(address) > after) return linkIn(this.sink.mails.findLast((m) => m.includes(address) && linkIn(m)));
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`no mail number ${after + 1} to ${address}; log:\n${this.log.slice(-3000)}`);
  }

  // The links of the mails that ask an address to confirm something for a service.
  confirmations(address) {
    return this.sink.mails.filter((m) => m.includes(address)).map((m) => plain(m).match(/https?:\/\/[^\s"<>]+\/confirmations\/[A-Za-z0-9_-]+/)?.[0]).filter(Boolean);
  }

  async confirmationTo(address, after) {
    for (let i = 0; i < 600; i++) {
      const all = this.confirmations(address);
      if (all.length > after) return new URL(all.at(-1));
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`no confirmation number ${after + 1} to ${address}`);
  }

  // The code in the newest mail to an address, once there are more than `after`.
  async codeTo(address, after = 0) {
    await this.mailTo(address, after);
    return plain(this.sink.mails.findLast((m) => m.includes(address) && linkIn(m))).match(/^\s*(\d{3} ?\d{3})\s*$/m)[1].replace(" ", "");
  }

  // How many one-time codes came to an address, and the newest once there are more than `after`.
  codesTo(address) {
    return this.codes(address).length;
  }

  codes(address) {
    return this.sink.mails.filter((m) => m.includes(address) && !linkIn(m)).map((m) => plain(m).match(/^\s*(\d{3} ?\d{3})\s*$/m)?.[1]).filter(Boolean);
  }

  async oneTimeCodeTo(address, after = 0) {
    for (let i = 0; i < 600; i++) {
      const all = this.codes(address);
      if (all.length > after) return all.at(-1).replace(" ", "");
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`no code number ${after + 1} to ${address}`);
  }

  // Creates and activates an account as a browser without JavaScript does.
  async createAccount(email, password, jar = new Jar()) {
    let step = await jar.follow(new URL(`${this.issuer}/signin?start=create-account`));
    step = await jar.post(step.url, step.html, "create-account", { email, terms: "yes" });
    step = await jar.follow(new URL(await this.mailTo(email)));
    step = await jar.post(step.url, step.html, "confirm-link", {});
    step = await jar.post(step.url, step.html, "choose-password", { password });
    if (!step.html.includes('data-page="connected-services"')) throw new Error(`the account was not made: ${step.url}\n${step.html.slice(0, 1500)}`);
    return jar;
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  // Ends one of several nodes.
  async leave() {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  async stop() {
    const code = await this.leave();
    this.sink.close();
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}

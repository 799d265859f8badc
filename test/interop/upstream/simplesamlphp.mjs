// Debian's SimpleSAMLphp as a sign-in partner that speaks SAML: metadata is exchanged both ways, requests are verified
// there, responses and assertions are signed, assertions are encrypted (with AES-CBC, the one cipher that it has).
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Jar } from "../../e2e/lib/jar.mjs";
import { binary, freePort } from "../serve.mjs";

const strong = "https://partner.example/high";

// A key and its certificate, as an administrator makes them.
function makeKey(folder, name) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=partner.example",
    "-keyout", join(folder, `${name}.pem`), "-out", join(folder, `${name}.crt`)], { stdio: "ignore" });
}

const php = (value) => (typeof value === "object" && value !== null
  ? `[${Object.entries(value).map(([k, v]) => `${Array.isArray(value) ? "" : `${JSON.stringify(k)} => `}${php(v)}`).join(", ")}]`
  : JSON.stringify(value).replaceAll("$", "\\$"));

// It lives at 127.0.0.1 and Parvis at localhost, so that each is another site to the other.
export async function simpleSAMLphp(parvis, { id = "simplesamlphp", binding = "redirect" } = {}) {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), "parvis-simplesamlphp-"))];
  const issuer = `http://127.0.0.1:${port}/`;
  for (const name of ["config", "metadata", "log", "data", "temp", "sessions", "cert"]) mkdirSync(join(folder, name));
  makeKey(join(folder, "cert"), "first");
  const decryption = join(folder, "decryption.pem");
  execFileSync("openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", decryption], { stdio: "ignore" });
  const partner = new SimpleSAMLphp({
    id, port, issuer, parvis, folder, key: "first",
    settings: {
      id, protocol: "saml", name: { en: `The Ministry (${id})`, fr: `Le Ministère (${id})` }, issuer: `${issuer}saml2/idp/metadata.php`,
      worth: { cap: "two-steps", acr: { [strong]: "two-steps" } },
      saml: { metadata_url: `${issuer}saml2/idp/metadata.php`, decryption_key_file: decryption, binding, cbc: true, signed_response: true, signed_assertion: true },
    },
  });
  partner.configure();
  await partner.start();
  return partner;
}

class SimpleSAMLphp {
  strong = "urn:parvis:acr:2";
  answers = true; // it says what came of a sign-out there
  requests = []; // as they came

  constructor(fields) { Object.assign(this, fields); }

  configure() {
    const { folder, issuer } = this;
    writeFileSync(join(folder, "parvis.xml"), '<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>\n'); // until Parvis is known
    const at = (name) => `${join(folder, name)}/`;
    writeFileSync(join(folder, "config", "config.php"), `<?php\n$config = ${php({
      baseurlpath: issuer, certdir: at("cert"), loggingdir: at("log"), datadir: at("data"), tempdir: at("temp"), metadatadir: at("metadata"),
      secretsalt: "for-tests-only-0123456789", "auth.adminpassword": "for-tests-only", "admin.protectmetadata": false, timezone: "UTC",
      "technicalcontact_name": "Tests", "technicalcontact_email": "na@example.org", "logging.level": 7, "logging.handler": "file", "logging.logfile": "simplesamlphp.log",
      "enable.saml20-idp": true, "module.enable": { exampleauth: true, core: true, saml: true }, "session.cookie.secure": false,
      "store.type": "phpsession", "session.phpsession.savepath": at("sessions"), "session.phpsession.cookiename": "SimpleSAML", showerrors: true, errorreporting: false,
      "language.default": "en", "theme.use": "default", "session.duration": 3600, "metadata.sources": [{ type: "flatfile" }, { type: "xml", file: join(folder, "parvis.xml") }],
      debug: { saml: true, backtraces: true, validatexml: false },
    })};\n`);
    // Everybody with the password is let in; who is called "cancel" goes back, as people do at partners that have a button for it.
    writeFileSync(join(folder, "config", "authsources.php"), `<?php
if (!class_exists('PartnerLogin', false)) {
  class PartnerLogin extends \\SimpleSAML\\Module\\core\\Auth\\UserPassBase {
    protected function login($username, $password) {
      if ($username === 'cancel') {
        $state = \\SimpleSAML\\Auth\\State::loadState($_REQUEST['AuthState'], self::STAGEID);
        \\SimpleSAML\\Auth\\State::throwException($state, new \\SimpleSAML\\Module\\saml\\Error(
          \\SAML2\\Constants::STATUS_RESPONDER, \\SAML2\\Constants::STATUS_AUTHN_FAILED, 'the person said no'));
      }
      if ($password !== 'paper lantern') {
        throw new \\SimpleSAML\\Error\\Error('WRONGUSERPASS');
      }
      $strong = substr($username, 0, 7) === 'strong:';
      $attributes = ['uid' => [$strong ? substr($username, 7) : $username], 'mail' => ['private@example.org'], 'displayName' => ['Never Read']];
      return $strong ? $attributes + ['strong' => ['yes']] : $attributes;
    }
  }
}
$config = ['people' => ['PartnerLogin']];
`);
    this.host();
  }

  // What the partner says of itself: its keys, and that it verifies requests and encrypts.
  host() {
    writeFileSync(join(this.folder, "metadata", "saml20-idp-hosted.php"), `<?php\n$metadata['__DYNAMIC:1__'] = ${php({
      host: "__DEFAULT__", privatekey: `${this.key}.pem`, certificate: `${this.key}.crt`, auth: "people", "validate.authnrequest": true, "validate.logout": true, "redirect.validate": true,
      SingleSignOnServiceBinding: ["urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"], "assertion.encryption": true, "saml20.sign.response": true, "saml20.sign.assertion": true, "sign.logout": true,
      NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
      authproc: {
        10: { class: "saml:PersistentNameID", attribute: "uid" },
        20: { class: "core:PHP", code: `if (isset($attributes["strong"])) { $state["saml:AuthnContextClassRef"] = "${strong}"; }` },
      },
    })};\n`);
  }

  // Parvis gives its metadata, once by the command line and once by its address; both are one document's worth.
  async known(serve) {
    const shown = execFileSync(binary, ["upstream", "show", this.id, "--metadata"], { env: serve.environment, encoding: "utf8" });
    const fetched = await (await fetch(`${serve.issuer}/partner/${this.id}/metadata`)).text();
    const keysOf = (xml) => [...xml.matchAll(/<ds:X509Certificate>([^<]*)</g)].map((m) => m[1]);
    assert.deepEqual(keysOf(shown), keysOf(fetched), "the command line and the address show the same keys");
    writeFileSync(join(this.folder, "parvis.xml"), fetched);
    const check = execFileSync(binary, ["upstream", "check", this.id], { env: serve.environment, encoding: "utf8" });
    assert.match(check, /fit/, check);
  }

  async start() {
    this.child = spawn("php", ["-d", "display_errors=0", "-d", "opcache.enable=1", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0", "-S", `127.0.0.1:${this.port}`, "-t", "/usr/share/simplesamlphp/www"], {
      env: { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: join(this.folder, "config"), PHP_CLI_SERVER_WORKERS: "4" }, stdio: ["ignore", "ignore", "pipe"],
      detached: true, // its workers end with it, as one group
    });
    this.said = "";
    this.child.stderr.on("data", (b) => { this.said += b; });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    for (let i = 0; ; i++) {
      if (await fetch(`${this.issuer}saml2/idp/metadata.php`).then((r) => r.ok, () => false)) return;
      if (i > 600) throw new Error(`SimpleSAMLphp does not answer: ${this.said}\n${this.log()}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  async stop() {
    process.kill(-this.child.pid, "SIGTERM");
    await this.ended;
  }

  async rollKeys() {
    makeKey(join(this.folder, "cert"), "second");
    this.key = "second";
    this.host();
  }

  log() {
    try {
      return readFileSync(join(this.folder, "log", "simplesamlphp.log"), "utf8").slice(-3000);
    } catch {
      return "";
    }
  }

  // Its sign-in page, and then its page that posts the answer with a script.
  async signIn(jar, step, how, stop) {
    const form = step.html.match(/<form[^>]*name="f"[^>]*>/)?.[0] ?? step.html.match(/<form[^>]*method="post"[^>]*>/)?.[0];
    assert.ok(form && step.html.includes('name="AuthState"'), `the partner's page is not there: ${step.url} ${step.html.slice(0, 1500)}\n${this.log()}`);
    const state = step.html.match(/name="AuthState" value="([^"]*)"/)[1].replaceAll("&amp;", "&");
    const username = how.cancel ? "cancel" : how.strong ? `strong:${how.person}` : how.person;
    const body = new URLSearchParams({ username, password: "paper lantern", AuthState: state });
    step = await jar.follow(new URL(step.url.href), undefined, { method: "POST", body });
    assert.ok(step.html.includes('name="SAMLResponse"'), `no answer at ${step.url}: ${step.html.slice(0, 1500)}\n${this.log()}`);
    const field = (name) => step.html.match(new RegExp(`name="${name}" value="([^"]*)"`))?.[1].replaceAll("&amp;", "&");
    const action = step.html.match(/<form[^>]*action="([^"]*)"/)[1].replaceAll("&#x2F;", "/").replaceAll("&amp;", "&");
    const answer = Buffer.from(field("SAMLResponse"), "base64").toString();
    if (!how.cancel) assert.ok(answer.includes("EncryptedAssertion") && !answer.includes("private@example.org"), "the assertion is encrypted");
    assert.equal(action, `${this.parvis}/partner/${this.id}/callback`);
    // A browser sends none of our cookies with a post of another site.
    const posted = await new Jar().get(new URL(action), {
      method: "POST", body: new URLSearchParams({ SAMLResponse: field("SAMLResponse"), RelayState: field("RelayState") }),
      headers: { origin: new URL(this.issuer).origin, "sec-fetch-site": "cross-site" },
    });
    assert.equal(posted.status, 303, posted.html.slice(0, 800));
    assert.deepEqual(posted.set, [], "no cookie is set for another site's post");
    return jar.follow(new URL(posted.headers.get("location"), action), stop);
  }

  // It asks nobody: our request, which it verifies, ends its session, and its answer has led back already.
  async leave(jar, step) {
    assert.ok(step.from.some((url) => url.origin === new URL(this.issuer).origin), `not sent to the partner: ${step.from}`);
    return step;
  }

  // Signing out there: it tells each service by the browser, in turn, and then shows its own page.
  async hangUp(jar) {
    const own = `${this.issuer}logout.php`;
    const step = await jar.follow(new URL(`${this.issuer}saml2/idp/initSLO.php?RelayState=${encodeURIComponent(own)}`));
    assert.ok(step.from.some((url) => url.href.startsWith(`${this.parvis}/partner/${this.id}/logout?SAMLRequest=`)), `the partner asked nobody to sign out: ${step.from} ${step.html?.slice(0, 800)}\n${this.log()}`);
    assert.ok(step.from.some((url) => url.pathname.endsWith("SingleLogoutService.php") && url.searchParams.has("SAMLResponse")), `no answer of ours: ${step.from}`);
    assert.equal(step.url.href, own, `its own page is not there: ${step.html?.slice(0, 800)}\n${this.log()}`);
  }

  // What the partner has learned, of all that happened: its log holds every message as it was read.
  check(service) {
    const log = readFileSync(join(this.folder, "log", "simplesamlphp.log"), "utf8");
    assert.match(log, /AuthnRequest/, "its log holds our requests");
    assert.match(log, /<samlp:LogoutRequest[^]*SessionIndex/, "its log holds our requests to sign out");
    assert.ok(!log.includes(service.partner.id) && !log.includes(service.partner.redirectUri), "the service stands in no request");
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

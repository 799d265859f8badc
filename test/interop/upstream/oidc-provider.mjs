// npm oidc-provider as a sign-in partner, with all that it offers demanded: private_key_jwt with a key of our own,
// pushed requests only, DPoP, encrypted ID tokens, iss in answers, acr.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Provider } from "oidc-provider";
import { binary, freePort } from "../serve.mjs";

URL.parse ??= (text) => { try { return new URL(text); } catch { return null; } }; // Node 20 has none

const strong = "https://partner.example/high";

function key() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey;
}

const signingKey = () => ({ ...key().export({ format: "jwk" }), use: "sig", alg: "ES256", kid: randomUUID() });

// Starts the partner for a Parvis whose address is known beforehand.
export async function oidcProvider(parvis) {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), "parvis-partner-"))];
  const issuer = `http://localhost:${port}`;
  const files = {};
  for (const name of ["private_key_file", "decryption_key_file"]) {
    files[name] = join(folder, `${name}.pem`);
    writeFileSync(files[name], key().export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  }
  const settings = {
    id: "oidcprovider", name: { en: "The Province", fr: "La Province" }, issuer, check_every: "1s",
    worth: { cap: "two-steps", acr: { [strong]: "two-steps" } },
    oidc: { client_id: "parvis", auth: "private_key_jwt", ...files, par: "on", dpop: "on", acr_values: [strong], claims: ["acr", "auth_time"], require_iss: true },
  };
  const partner = new OIDCProvider({ settings, id: settings.id, port, issuer, parvis, folder });
  await partner.rollKeys();
  await partner.start();
  return partner;
}

class OIDCProvider {
  strong = "urn:parvis:acr:2";
  tells = true;
  seen = []; // the parameters of each request, as it was pushed

  constructor(fields) { Object.assign(this, fields); }

  // The public keys that Parvis says it has, for this partner's registration.
  known(serve) {
    this.clientKeys = JSON.parse(execFileSync(binary, ["upstream", "show", this.id, "--jwks"], { env: serve.environment, encoding: "utf8" }));
    return this.rollKeys();
  }

  async rollKeys() {
    const { parvis, issuer } = this;
    this.provider = new Provider(issuer, {
      jwks: { keys: [signingKey()] },
      clients: [{
        client_id: "parvis", redirect_uris: [`${parvis}/partner/${this.id}/callback`], response_types: ["code"], grant_types: ["authorization_code"],
        token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES256", jwks: this.clientKeys ?? { keys: [] },
        id_token_signed_response_alg: "ES256", id_token_encrypted_response_alg: "ECDH-ES", id_token_encrypted_response_enc: "A256GCM",
        post_logout_redirect_uris: [`${parvis}/partner/${this.id}/signed-out`], backchannel_logout_uri: `${parvis}/partner/${this.id}/backchannel-logout`,
        require_pushed_authorization_requests: true, dpop_bound_access_tokens: true, default_acr_values: [], require_auth_time: true,
      }],
      acrValues: [strong], claims: { acr: null, auth_time: null, iss: null, openid: ["sub"] },
      enabledJWA: { idTokenEncryptionAlgValues: ["ECDH-ES"], idTokenEncryptionEncValues: ["A256GCM"] },
      features: {
        devInteractions: { enabled: false }, encryption: { enabled: true }, dPoP: { enabled: true },
        pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true }, claimsParameter: { enabled: true }, backchannelLogout: { enabled: true },
        rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = form.replace("</form>", '<input type="hidden" name="logout" value="yes"></form>'); } },
      },
      fetch: (url, { dispatcher: _, ...options }) => fetch(url, options), // this machine, too, which its own way refuses
      pkce: { required: () => true },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: "private@example.org", name: "Never Read" }) }),
      loadExistingGrant: async (ctx) => {
        const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
        grant.addOIDCScope("openid");
        grant.addOIDCClaims(["acr", "auth_time"]);
        await grant.save();
        return grant;
      },
      cookies: { keys: ["for tests only"] },
      ttl: { Session: 3600, Interaction: 600, Grant: 600, AuthorizationCode: 60, AccessToken: 600, IdToken: 600 },
    });
    this.provider.on("server_error", (_, error) => { this.trouble = error; });
    this.provider.on("backchannel.error", (_, error) => { this.trouble = error; });
    this.handle = this.provider.callback();
  }

  start() {
    this.server = createServer((req, res) => {
      if (req.headers.referer) this.referer = req.headers.referer;
      if (!req.url.startsWith("/interaction/")) return this.handle(req, res);
      return this.interact(req, res).catch((e) => { res.writeHead(500).end(String(e)); });
    });
    return new Promise((resolve) => this.server.listen(this.port, "localhost", resolve));
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  // The sign-in page of this partner: who, how, and the way out.
  async interact(req, res) {
    const { params, prompt } = await this.provider.interactionDetails(req, res);
    if (req.method === "GET") {
      this.seen.push(params);
      res.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(`<form id="partner" method="post" data-prompt="${prompt.name}"></form>`);
      return;
    }
    let body = "";
    for await (const part of req) body += part;
    const form = new URLSearchParams(body);
    await this.provider.interactionFinished(req, res, form.has("cancel")
      ? { error: "access_denied", error_description: "the person said no" }
      : { login: { accountId: form.get("person"), acr: form.has("strong") ? strong : "https://partner.example/low", amr: ["pwd"] } });
  }

  async signIn(jar, step, how, stop) {
    assert.ok(step.html.includes('id="partner"'), `the partner's page is not there: ${step.html.slice(0, 800)} ${this.trouble?.stack ?? ""}`);
    return jar.post(step.url, step.html, "partner", { person: how.person, ...(how.cancel && { cancel: "1" }), ...(how.strong && { strong: "1" }) }, stop);
  }

  leave(jar, step, stop) {
    return jar.post(step.url, step.html, "op.logoutForm", {}, `${stop}/nowhere`);
  }

  // What the partner has learned, of all that happened.
  check(service) {
    const always = ["acr_values", "claims", "client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "response_type", "scope", "state", "ui_locales"];
    for (const params of this.seen) {
      assert.deepEqual(Object.keys(params).filter((k) => params[k] !== undefined).sort(), always, "a request holds what it must");
      assert.ok(!JSON.stringify(params).includes(service.partner.id), "the service stands in no request");
    }
    assert.equal(this.referer, undefined, "no Referer reaches the partner");
    assert.equal(this.trouble, undefined);
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

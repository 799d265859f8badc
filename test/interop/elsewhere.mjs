// People who are not in front of the service: the device grant (RFC 8628) and CIBA by poll and ping, with openid-client.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as client from "openid-client";
import { Jar } from "../e2e/lib/jar.mjs";

const device = "urn:ietf:params:oauth:grant-type:device_code";
const ciba = "urn:openid:params:grant-type:ciba";
const secret = "an-interop-secret-of-more-than-32-characters";
const open = { execute: [client.allowInsecureRequests] };
const refusedAs = (error) => (e) => e.error === error;

// What comes of a grant is the person's: claims, userinfo, and no session of a browser.
async function holds(config, tokens, person, sub) {
  const claims = tokens.claims();
  assert.equal(claims.sub, sub ?? claims.sub);
  assert.equal(claims.sid, undefined, "no session of the browser is the device's");
  assert.ok(claims.acr && claims.auth_time > 0, JSON.stringify(claims));
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.email, person.email);
  return claims.sub;
}

async function withDevice(serve, person) {
  const config = await client.discovery(new URL(serve.issuer), "interop-device", undefined, client.None(), open);
  // The person decides in a browser while the device polls.
  const decide = (at, choice) => new Jar().walk(new URL(at.verification_uri_complete), {
    ...person, end: "device-done", forms: { device: { user_code: at.user_code }, "device-confirm": { choice } },
  });
  const begin = () => client.initiateDeviceAuthorization(config, { scope: "openid email offline_access" });

  const first = await begin();
  assert.equal(first.verification_uri, `${serve.issuer}/device`);
  const polled = client.pollDeviceAuthorizationGrant(config, first);
  const done = await decide(first, "allow");
  assert.match(done.html, /id="device-allowed"/);
  const tokens = await polled;
  const sub = await holds(config, tokens, person);
  await assert.rejects(client.pollDeviceAuthorizationGrant(config, first), refusedAs("invalid_grant"), "a device code works once");

  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(next.claims().sub, sub);
  assert.notEqual(next.refresh_token, tokens.refresh_token, "a public client gets another one each time");

  const second = await begin();
  const [refused] = await Promise.all([client.pollDeviceAuthorizationGrant(config, second).then(() => null, (e) => e), decide(second, "deny")]);
  assert.equal(refused?.error, "access_denied");
  console.log("openid-client: device allowed, refreshed, and refused");
}

async function withCIBA(serve, person, partner, told) {
  const config = await client.discovery(new URL(serve.issuer), partner.id, secret, undefined, open);
  const ping = partner.more.backchannel_token_delivery_mode === "ping";
  // Somebody is asked who has used the service before and agreed to what it asks for.
  const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()];
  const url = client.buildAuthorizationUrl(config, { redirect_uri: partner.redirectUri, scope: "openid email", state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" });
  const jar = new Jar();
  const { sub } = (await client.authorizationCodeGrant(config, await jar.signIn(url, { ...person, redirectUri: partner.redirectUri }), { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true })).claims();

  const ask = async (choice, hint) => {
    const before = serve.confirmations(person.email).length;
    const token = randomBytes(32).toString("base64url");
    const asked = await client.initiateBackchannelAuthentication(config, { scope: "openid email", binding_message: "Q7 counter 4", ...hint, ...(ping ? { client_notification_token: token } : {}) });
    // Whoever polls does so while the person decides; whoever is told waits for it.
    const polled = ping ? null : client.pollBackchannelAuthenticationGrant(config, asked).catch((e) => e);
    const done = await jar.walk(await serve.confirmationTo(person.email, before), {
      ...person, end: "confirmation-done", forms: { confirmation: {}, "confirmation-question": { choice } },
    });
    assert.match(done.html, new RegExp(`id="confirmation-${choice === "allow" ? "allowed" : "denied"}"`));
    if (!ping) return polled;
    const post = await told.next("/ping", (p) => p.body.includes(asked.auth_req_id));
    assert.equal(post.headers.authorization, `Bearer ${token}`);
    assert.match(post.headers["content-type"], /^application\/json/);
    assert.deepEqual(JSON.parse(post.body), { auth_req_id: asked.auth_req_id });
    return client.pollBackchannelAuthenticationGrant(config, asked).catch((e) => e);
  };
  const tokens = await ask("allow", { login_hint: person.email });
  if (tokens instanceof Error) throw tokens;
  assert.equal(await holds(config, tokens, person, sub), sub);
  assert.equal((await ask("deny", { login_hint: sub })).error, "access_denied");
  await assert.rejects(client.initiateBackchannelAuthentication(config, { scope: "openid email", login_hint: "nobody@example.org", ...(ping ? { client_notification_token: randomBytes(32).toString("base64url") } : {}) }), refusedAs("unknown_user_id"));
  console.log(`openid-client: confirmed by ${ping ? "ping" : "poll"}, and refused`);
}

// The services of these walks; `told` receives pings.
export function elsewhere(told, redirect) {
  const asking = (id, more) => ({ id, name: id, secret, redirectUri: redirect(id), more: { grant_types: ["authorization_code", ciba], scopes: ["openid", "email"], ...more } });
  const [poll, ping] = [
    asking("interop-ciba", { backchannel_token_delivery_mode: "poll" }),
    asking("interop-ciba-ping", { backchannel_token_delivery_mode: "ping", backchannel_client_notification_endpoint: told.address("/ping") }),
  ];
  return {
    partners: [{ id: "interop-device", name: "Interop device", more: { auth: "none", type: "native", grant_types: [device, "refresh_token"], scopes: ["openid", "email", "offline_access"], start_url: "https://device.example.org/" } }, poll, ping],
    async run(serve, person) {
      await withDevice(serve, person);
      await withCIBA(serve, person, poll, told);
      await withCIBA(serve, person, ping, told);
    },
  };
}

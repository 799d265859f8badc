// Foreign sign-in partners in front of `parvis serve`: one file for each beside this one. Arguments name those to
// walk; without any, all are.
import assert from "node:assert/strict";
import { freePort, startServe } from "../serve.mjs";
import { walkInChromium } from "./chromium.mjs";
import { oidcProvider } from "./oidc-provider.mjs";
import { secondParvis } from "./parvis.mjs";
import { simpleSAMLphp } from "./simplesamlphp.mjs";
import { Service, walk } from "./walk.mjs";

const port = await freePort();
const shop = { id: "a-service-in-front", name: "A service in front", secret: "an-interop-secret-of-more-than-32-characters", redirectUri: `http://127.0.0.1:${await freePort()}/callback` };
const parvis = `http://localhost:${port}`;
const wanted = process.argv.slice(2);
const want = (name) => wanted.length === 0 || wanted.includes(name);
const partners = [];
if (want("oidc-provider")) partners.push(await oidcProvider(parvis));
if (want("parvis")) partners.push(await secondParvis(parvis));
if (want("simplesamlphp")) partners.push(await simpleSAMLphp(parvis));
const inChromium = want("chromium") ? [await simpleSAMLphp(parvis, { id: "simplesamlphp-form", binding: "post" })] : [];
const all = [...partners, ...inChromium];
const serve = await startServe([shop], {}, { port, upstreams: all.map((p) => p.settings) });
try {
  const service = new Service(serve, shop);
  for (const partner of partners) {
    await partner.known?.(serve);
    await walk(serve, service, partner);
    partner.check?.(service);
  }
  for (const partner of inChromium) {
    await partner.known(serve);
    await walkInChromium(serve, service, partner);
    partner.check(service);
  }
} catch (e) {
  console.error(serve.log.slice(-6000));
  throw e;
} finally {
  for (const partner of all) await partner.close();
  assert.equal(await serve.stop(), 0, "parvis serve ends in good order");
}

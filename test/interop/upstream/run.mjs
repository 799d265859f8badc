// Foreign sign-in partners in front of `parvis serve`: one file for each beside this one.
import assert from "node:assert/strict";
import { freePort, startServe } from "../serve.mjs";
import { walkInChromium } from "./chromium.mjs";
import { oidcProvider } from "./oidc-provider.mjs";
import { simpleSAMLphp } from "./simplesamlphp.mjs";
import { Service, walk } from "./walk.mjs";

const port = await freePort();
const shop = { id: "a-service-in-front", name: "A service in front", secret: "an-interop-secret-of-more-than-32-characters", redirectUri: `http://127.0.0.1:${await freePort()}/callback` };
const parvis = `http://localhost:${port}`;
const partners = [await oidcProvider(parvis), await simpleSAMLphp(parvis)];
const byForm = await simpleSAMLphp(parvis, { id: "simplesamlphp-form", binding: "post" });
const serve = await startServe([shop], {}, { port, upstreams: [...partners, byForm].map((p) => p.settings) });
try {
  const service = new Service(serve, shop);
  for (const partner of partners) {
    await partner.known?.(serve);
    await walk(serve, service, partner);
    partner.check?.(service);
  }
  await byForm.known(serve);
  await walkInChromium(serve, service, byForm);
  byForm.check(service);
} catch (e) {
  console.error(serve.log.slice(-6000));
  throw e;
} finally {
  for (const partner of [...partners, byForm]) await partner.close();
  assert.equal(await serve.stop(), 0, "parvis serve ends in good order");
}

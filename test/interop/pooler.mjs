// A sign-in at `parvis serve` whose database is behind a transaction-mode pooler: scripts/pooler.sh sets PARVIS_DATABASE_URL.
import assert from "node:assert/strict";
import { signInWithNodeClients } from "./node-clients.mjs";
import { freePort, startServe } from "./serve.mjs";

assert.ok(process.env.PARVIS_DATABASE_URL, "PARVIS_DATABASE_URL names the pooler");
const person = { email: "pooler@example.org", password: "paper lantern over the river 7" };
const partner = { id: "pooler", name: "Pooler", secret: "an-interop-secret-of-more-than-32-characters", redirectUri: `http://127.0.0.1:${await freePort()}/callback` };
const serve = await startServe([partner]);
try {
  await serve.createAccount(person.email, person.password);
  await signInWithNodeClients(serve.issuer, partner, person);
  assert.doesNotMatch(serve.log, /"level":"ERROR"/, "nothing went wrong behind the pooler");
} catch (e) {
  console.error(serve.log.slice(-6000));
  throw e;
} finally {
  const code = await serve.stop();
  assert.equal(code, 0, "parvis serve ends in good order");
}

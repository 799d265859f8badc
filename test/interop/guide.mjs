// The walk of docs/integration/oidc.md, "Try your client in ten minutes", with the texts that stand there.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startDemo } from "../e2e/lib/demo.mjs";
import { Jar } from "../e2e/lib/jar.mjs";
import { freePort } from "./serve.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

// What stands between two marks of the guide, without the indentation of its list.
function between(guide, before, after) {
  const start = guide.indexOf(before);
  const end = guide.indexOf(after, start + before.length);
  assert.ok(start >= 0 && end > start, `the guide has no ${before}`);
  return guide.slice(start + before.length, end).replace(/^ {3}/gm, "");
}

function run(folder, variables) {
  const child = spawn(process.execPath, ["service.mjs"], { cwd: folder, env: { ...process.env, ...variables }, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return async () => {
    child.kill("SIGTERM");
    await ended;
  };
}

async function answers(url) {
  for (let i = 0; i < 600; i++) {
    if (await fetch(url, { redirect: "manual" }).then(() => true, () => false)) return;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`${url} does not answer`);
}

export async function walkTheGuide() {
  const guide = readFileSync(join(root, "docs/integration/oidc.md"), "utf8");
  const port = await freePort();
  const moved = (text) => text.replaceAll("9190", String(port));
  const team = moved(between(guide, "<<'END'\n", "   END\n"));
  const service = moved(between(guide, "```js\n", "   ```\n"));
  const variables = Object.fromEntries(between(guide, "   ISSUER=", " node service.mjs").split(" ").slice(1).map((word) => word.split("=")));
  // Below this folder, so that the service finds the library.
  const folder = fileURLToPath(new URL("./.guide", import.meta.url));
  const files = mkdtempSync(join(tmpdir(), "parvis-guide-"));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, "service.mjs"), service);
  writeFileSync(join(files, "team.yaml"), team);
  const demo = await startDemo("--partner", join(files, "team.yaml"), "--log");
  try {
    const mine = demo.ready.services.find((s) => s.client_id === variables.CLIENT_ID);
    assert.equal(mine.url, `http://127.0.0.1:${port}/`);
    const person = { ...demo.person("active"), redirectUri: `http://127.0.0.1:${port}/callback` };
    for (const [secret, want] of [[variables.CLIENT_SECRET, `"email":"${person.email}"`], ["another-secret", "not signed in: "]]) {
      const stop = run(folder, { ...variables, CLIENT_SECRET: secret, ISSUER: demo.issuer });
      try {
        await answers(mine.url);
        const back = await new Jar().signIn(new URL(mine.url), person);
        const told = await (await fetch(back)).text();
        assert.ok(told.includes(want), `the service says ${told}`);
      } finally {
        await stop();
      }
    }
    assert.match(demo.log(), /"token request refused".*"cause":"secret_wrong"/);
  } finally {
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
    rmSync(files, { recursive: true, force: true });
  }
  console.log("the guide: signed in");
}

// A service's own https address, to which Parvis posts: logout tokens and pings.
import { createServer } from "node:https";

export async function receiver(own) {
  const got = [];
  const server = createServer({ key: own.key, cert: own.cert }, (asked, answer) => {
    const parts = [];
    asked.on("data", (b) => parts.push(b));
    asked.on("end", () => {
      got.push({ path: asked.url, method: asked.method, headers: asked.headers, body: Buffer.concat(parts).toString() });
      answer.writeHead(204).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: (path) => `https://localhost:${server.address().port}${path}`,
    // The first post to a path that `is` the wanted one, within a minute.
    async next(path, is = () => true) {
      for (let i = 0; i < 600; i++) {
        const at = got.findIndex((g) => g.path === path && is(g));
        if (at >= 0) return got.splice(at, 1)[0];
        await new Promise((r) => setTimeout(r, 100));
      }
      throw new Error(`nothing was posted to ${path}`);
    },
    left: (path) => got.filter((g) => g.path === path).length,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}

// Ports that nobody listens on: below those that the kernel gives to outgoing calls, one of which
// could take a port away between the look and the listening.
import { createServer } from "node:net";

const given = new Set();

// The first of some ports in a row that this process was not given before; two processes that ask
// at once share all of a row or none.
export async function freePorts(count) {
  for (let tries = 0; tries < 50; tries++) {
    const port = 12000 + 4 * Math.floor(Math.random() * 5000);
    if (given.has(port)) continue;
    given.add(port);
    const all = await Promise.all(Array.from({ length: count }, (_, i) => free(port + i)));
    if (all.every(Boolean)) return port;
  }
  throw new Error(`no ${count} free ports in a row`);
}

export const freePort = () => freePorts(1);

// Free at each of this machine's own addresses.
const free = async (port) => await listens(port, "127.0.0.1") && await listens(port, "localhost");

function listens(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

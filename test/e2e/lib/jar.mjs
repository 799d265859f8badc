// A browser reduced to redirects, cookies and forms: enough to sign in without JavaScript.
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";

const agent = new Agent({ keepAlive: true });
const secureAgent = new SecureAgent({ keepAlive: true });
const flat = (headers) => Object.entries(headers).flatMap(([k, v]) => (Array.isArray(v) ? v : [v]).map((one) => [k, one]));

export class Jar {
  cookies = new Map(); // by host and name: cookies know no ports

  // `via` is the port of the node that is asked, whatever port the addresses have: as a proxy in front of several nodes chooses one.
  // `ca` is the authority of https addresses.
  constructor({ via, ca } = {}) { Object.assign(this, { via, ca }); }

  // One request, as a browser that opens a page sends it (fetch would say that it is no navigation).
  async get(url, { method = "GET", body, headers } = {}) {
    const content = body?.toString();
    const { hostname, host, protocol } = new URL(url);
    const secure = protocol === "https:";
    const mine = [...this.cookies].filter(([key]) => key.startsWith(`${hostname} `));
    const answer = await new Promise((resolve, reject) => {
      const sent = (secure ? secureRequest : request)(url, {
        method, timeout: 30000, ...(secure ? { agent: secureAgent, ca: this.ca } : { agent }),
        ...(this.via ? { port: this.via } : {}),
        headers: {
          host,
          accept: "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "en", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document",
          ...(mine.length ? { cookie: mine.map(([key, value]) => `${key.slice(hostname.length + 1)}=${value}`).join("; ") } : {}),
          ...(content === undefined ? {} : { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(content) }),
          ...headers,
        },
      }, (got) => {
        const parts = [];
        got.on("data", (b) => parts.push(b));
        got.on("error", reject);
        got.on("end", () => resolve({ status: got.statusCode, headers: new Headers(flat(got.headers)), html: Buffer.concat(parts).toString(), set: got.headers["set-cookie"] ?? [] }));
      });
      sent.on("error", reject);
      sent.on("timeout", () => sent.destroy(new Error("no page in time")));
      sent.end(content);
    });
    for (const line of answer.set) {
      const [pair, ...attributes] = line.split(";");
      const at = pair.indexOf("=");
      const name = `${hostname} ${pair.slice(0, at).trim()}`;
      if (attributes.some((a) => /max-age=(0|-\d+)/i.test(a.trim()))) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(at + 1));
    }
    return answer;
  }

  // Follows redirects until a page, or until the address of `stop`; `from` are the addresses that were opened.
  async follow(url, stop, init) {
    const from = [];
    for (let i = 0; i < 15; i++) {
      if (stop && url.href.startsWith(stop)) return { url, from };
      from.push(url);
      const answer = await this.get(url, init);
      init = undefined;
      if (answer.status >= 300 && answer.status < 400) {
        url = new URL(answer.headers.get("location"), url);
        continue;
      }
      return { url, answer, html: answer.html, from };
    }
    throw new Error(`too many redirects at ${url}`);
  }

  async post(here, html, form, fields, stop) {
    const found = html.match(new RegExp(`<form[^>]*id="${form}"[^>]*>([\\s\\S]*?)</form>`));
    assert.ok(found, `no form ${form} at ${here}: ${html.slice(0, 600)}`);
    const action = found[0].match(/action="([^"]*)"/)?.[1]?.replaceAll("&amp;", "&") ?? here.href;
    const body = new URLSearchParams(fields);
    for (const input of found[1].matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      body.set(input[0].match(/name="([^"]*)"/)[1], input[0].match(/value="([^"]*)"/)?.[1] ?? "");
    }
    return this.follow(new URL(action, here), stop, { method: "POST", body, headers: { origin: here.origin, "sec-fetch-site": "same-origin" } });
  }

  async signIn(url, { email, password, redirectUri }) {
    return (await this.walk(url, { email, password, stop: redirectUri })).url;
  }

  // Signs in, agrees, and fills in the `forms` (page: what is sent with the form of its name), until the address of `stop` or the page `end`.
  async walk(url, { email, password, stop, end, forms = {} }) {
    const sent = { "sign-in": { email, password }, consent: { choice: "allow", decision: "allow", allow: "allow" }, ...forms };
    let step = await this.follow(url, stop);
    for (let i = 0; i < 8 && step.html; i++) {
      const page = step.html.match(/data-page="([^"]*)"/)?.[1];
      if (page === end) return step;
      if (!sent[page]) throw new Error(`unexpected page ${page} at ${step.url}: ${step.html.slice(0, 800)}`);
      step = await this.post(step.url, step.html, page, sent[page], stop);
    }
    if (step.html) throw new Error(`no end in sight at ${step.url}`);
    return step;
  }
}

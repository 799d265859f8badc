// Keys and certificates of services.
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

// A key pair of the service, with a certificate that signs itself.
export async function identity(folder, name) {
  const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", `/CN=${name}`,
    "-addext", "subjectAltName=DNS:localhost", "-keyout", keyFile, "-out", certFile], { stdio: "ignore" });
  const [key, cert] = [readFileSync(keyFile, "utf8"), readFileSync(certFile, "utf8")];
  const der = Buffer.from(key.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const signing = await crypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const jwk = new X509Certificate(cert).publicKey.export({ format: "jwk" });
  const x5c = [new X509Certificate(cert).raw.toString("base64")];
  return { key, cert, signing, jwks: JSON.stringify({ keys: [{ ...jwk, kid: name, use: "sig", x5c }] }), kid: name };
}

// fetch that shows a certificate to https addresses, which are `ca`'s if it is given.
export const fetchWith = (mine, ca) => (url, options) => {
  if (!url.startsWith("https:")) return fetch(url, options);
  return new Promise((resolve, reject) => {
    const body = options.body === undefined || options.body === null ? undefined : options.body.toString();
    const headers = Object.fromEntries(new Headers(options.headers));
    if (body !== undefined) {
      headers["content-type"] ??= "application/x-www-form-urlencoded";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const sent = request(url, { method: options.method, headers, key: mine?.key, cert: mine?.cert, agent: false, ca, rejectUnauthorized: Boolean(ca) }, (got) => {
      const parts = [];
      got.on("data", (b) => parts.push(b));
      got.on("end", () => resolve(new Response(Buffer.concat(parts), { status: got.statusCode, headers: Object.entries(got.headers).flatMap(([k, v]) => (Array.isArray(v) ? v : [v]).map((one) => [k, one])) })));
    });
    sent.on("error", reject);
    sent.end(body);
  });
};

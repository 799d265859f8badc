// Keys and certificates of services.
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
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

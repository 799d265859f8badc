// What an authenticator app does: read a QR code, and make codes (RFC 6238).
import { createHmac } from "node:crypto";
import jsQR from "jsqr";
import { PNG } from "pngjs";

export function appCode(secret, at = Date.now()) {
  let bits = "";
  for (const c of secret.replace(/\s/g, "").toUpperCase()) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const part = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(part % 1000000).padStart(6, "0");
}

// The secret in the QR code that a page shows, as the camera of a telephone sees it.
export async function scan(page) {
  const png = PNG.sync.read(await page.locator("#qr").screenshot());
  const found = jsQR(new Uint8ClampedArray(png.data), png.width, png.height);
  if (!found) throw new Error("the QR code cannot be read");
  const address = new URL(found.data);
  if (address.protocol !== "otpauth:" || address.host !== "totp") throw new Error(`no address of an app: ${found.data}`);
  return address.searchParams.get("secret");
}

// The key as somebody types it who cannot scan.
export async function readKey(page) {
  const manual = page.locator("#manual");
  if (!(await manual.getAttribute("open"))) await manual.locator("summary").click();
  return (await page.locator("#key").innerText()).trim();
}

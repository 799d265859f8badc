// Builds static/ from styles/, scripts/ and icons/: one style sheet, one script,
// one worker, the icons, each under a name with a hash of its content and, for text, with
// its gzip and Brotli forms beside it. The same sources give the same bytes.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const target = ["chrome100", "firefox100", "safari15.4"];
const out = join(here, "static");

const css = sass.compile(join(here, "styles/app.scss"), {
  style: "compressed",
  loadPaths: [join(here, "node_modules")],
  quietDeps: true,
}).css;
// The design system also tells a class ":focus" that shows states in its documentation. No page of
// ours has it, and HtmlUnit, the browser of the conformance suite, throws in old versions where it reads the escape.
const used = css.replaceAll(":not(.\\:focus)", "");
const style = await esbuild.transform(used, { loader: "css", minify: true, target, legalComments: "none" });
const bundle = async (name, format) => {
  const built = await esbuild.build({
    entryPoints: [join(here, "scripts", name)],
    bundle: true, minify: true, format, target, write: false, legalComments: "none",
  });
  return Buffer.from(built.outputFiles[0].contents);
};

const files = new Map([
  ["app.css", Buffer.from(style.code)],
  ["app.js", await bundle("app.js", "esm")],
  ["altcha.js", await bundle("altcha.js", "iife")],
]);
for (const name of readdirSync(join(here, "icons")).sort()) files.set(name, readFileSync(join(here, "icons", name)));

const before = new Map();
mkdirSync(out, { recursive: true });
for (const name of readdirSync(out)) before.set(name, readFileSync(join(out, name)));
rmSync(out, { recursive: true, force: true });
mkdirSync(out);

// Another version of zlib may pack the same text differently: a packed file that
// still unpacks to the right text stays as it is.
function pack(name, content, compress, expand) {
  const old = before.get(name);
  try {
    if (old && expand(old).equals(content)) return old;
  } catch { /* not packed text: pack anew */ }
  return compress(content);
}

for (const [name, content] of files) {
  const ext = extname(name);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  const file = `${name.slice(0, -ext.length)}.${hash}${ext}`;
  writeFileSync(join(out, file), content);
  if (ext === ".png") continue;
  const gz = pack(`${file}.gz`, content, (c) => zlib.gzipSync(c, { level: 9 }), zlib.gunzipSync);
  const br = pack(`${file}.br`, content, (c) => zlib.brotliCompressSync(c, {
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: c.length },
  }), zlib.brotliDecompressSync);
  if (gz.length < content.length) writeFileSync(join(out, `${file}.gz`), gz);
  if (br.length < content.length) writeFileSync(join(out, `${file}.br`), br);
  console.log(`${file} ${content.length} bytes, gzip ${gz.length}, brotli ${br.length}`);
}

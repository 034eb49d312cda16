// Lets Node run the packages' sources as they are: node --conditions=@phaseskip/source
// --import=./scripts/source-hooks.mjs packages/phaseskip/src/bin.ts. An import of x.js that is not there
// reads x.ts, and esbuild takes the types away. Tests use it for worker threads and commands.
import { existsSync, readFileSync } from "node:fs";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { readDist } from "./read-dist.mjs";

if (!import.meta.url.endsWith("?hooks")) register(`${import.meta.url}?hooks`);

export async function resolve(specifier, context, nextResolve) {
  const url =
    /^(\.|file:|\/)/.test(specifier) && specifier.endsWith(".js")
      ? new URL(specifier, context.parentURL)
      : undefined;
  if (url && !existsSync(url)) {
    url.pathname = url.pathname.replace(/\.js$/, ".ts");
    if (existsSync(url))
      return { url: url.href, format: "module", shortCircuit: true };
  }
  if (specifier.endsWith(".ts") && url === undefined) {
    const { url: found } = await nextResolve(specifier, context);
    return { url: found, format: "module", shortCircuit: true };
  }
  return nextResolve(specifier, context);
}

export async function load(url, context, nextLoad) {
  if (!url.endsWith(".ts") || url.includes("/node_modules/"))
    return nextLoad(url, context);
  const { transform } = await import("esbuild");
  const sourcefile = fileURLToPath(url);
  const text = readDist(readFileSync(sourcefile, "utf8"), sourcefile);
  const { code } = await transform(text, {
    loader: "ts",
    target: "es2022",
    sourcemap: "inline",
    sourcefile,
  });
  return { format: "module", source: code, shortCircuit: true };
}

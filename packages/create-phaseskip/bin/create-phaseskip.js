#!/usr/bin/env node
// npm links this file before anything is built; the work is in dist/bin.js.
import { existsSync } from "node:fs";

const built = new URL("../dist/bin.js", import.meta.url);
if (existsSync(built)) await import(built.href);
else {
  console.error("create-phaseskip: not built yet; run npm run build");
  process.exitCode = 1;
}

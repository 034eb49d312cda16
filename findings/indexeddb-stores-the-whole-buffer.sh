#!/usr/bin/env bash
# One would guess: storing bytes.subarray(0, 1024) in IndexedDB stores 1024 bytes.
# What happens: the whole buffer behind the view is stored, counts against the site's quota, and comes back with it: 64 MiB
#   for a view of 1 KiB, by hand and by idb-keyval. bytes.slice(0, 1024) stores 1 KiB. The same holds for what postMessage
#   copies, so for Comlink's arguments.
# Versions: idb-keyval 6.3.0, in the Chromium of this machine (seen in 156). The structured clone algorithm asks for it;
#   MDN's pages on IndexedDB and idb-keyval's README do not say it.
# Who meets it: who downloads a model into one buffer and keeps its tensors, or its chunks, as views: n views are n copies
#   of the whole, until the quota ends it.
# Needs: a Chromium (CHROMIUM=path, else chromium or google-chrome on the PATH).
set -euo pipefail
browser="${CHROMIUM:-$(command -v chromium || command -v google-chrome)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --ignore-scripts --no-package-lock --prefix . idb-keyval@6.3.0 playwright-core@1.65.1

cat > run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const library = readFileSync("node_modules/idb-keyval/dist/index.js");
const server = createServer(({ url }, response) => {
  response.setHeader("content-type", url === "/idb.js" ? "text/javascript" : "text/html");
  response.end(url === "/idb.js" ? library : "<!doctype html><title>views</title>");
}).listen(0, "127.0.0.1");
await new Promise((ready) => server.once("listening", ready));
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);

const seen = await page.evaluate(async () => {
  const { get, set } = await import("/idb.js");
  const bytes = new Uint8Array(64 * 2 ** 20);
  for (let at = 0; at < bytes.length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  const usage = async () => (await navigator.storage.estimate()).usage;
  const stored = async (key, value) => {
    const before = await usage();
    await set(key, value);
    const read = await get(key);
    return { view: read.byteLength, buffer: read.buffer.byteLength, quota: (await usage()) - before };
  };
  await stored("first", new Uint8Array(1));
  const copied = (value) => {
    const { port1, port2 } = new MessageChannel();
    return new Promise((done) => {
      port2.onmessage = ({ data }) => done({ view: data.byteLength, buffer: data.buffer.byteLength });
      port1.postMessage(value);
    });
  };
  return {
    slice: await stored("slice", bytes.slice(0, 1024)),
    subarray: await stored("subarray", bytes.subarray(0, 1024)),
    "subarray by postMessage": await copied(bytes.subarray(0, 1024)),
  };
});
console.log("Chromium", browser.version());
for (const [name, sizes] of Object.entries(seen)) console.log(name, JSON.stringify(sizes));
await browser.close();
server.close();
const { slice, subarray, "subarray by postMessage": message } = seen;
const holds = slice.buffer === 1024 && slice.quota < 2 ** 20 && message.buffer === 2 ** 26;
process.exit(holds && subarray.view === 1024 && subarray.buffer === 2 ** 26 && subarray.quota >= 2 ** 26 ? 0 : 1);
JS
node run.mjs "$browser"

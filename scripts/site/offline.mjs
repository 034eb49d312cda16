// Writes a folder's service worker, with a list of the files that it keeps.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** What a browser asks for only where it draws by WebGPU. */
const gpuFile = /asyncify\.wasm$/;

/** Every file of a folder, as Workbox lists them: its address there, and a digest of what it holds. */
function listed(folder, leftOut) {
  return readdirSync(folder, { recursive: true })
    .map((path) => path.replaceAll("\\", "/"))
    .filter(
      (path) => statSync(join(folder, path)).isFile() && !leftOut.test(path),
    )
    .map((url) => ({
      url,
      revision: createHash("sha256")
        .update(readFileSync(join(folder, url)))
        .digest("hex")
        .slice(0, 16),
    }));
}

/** Writes `sw.js` into a folder; `leftOut` matches paths that it does not keep. */
export async function writeServiceWorker(folder, leftOut) {
  const all = listed(folder, leftOut);
  const files = all.filter(({ url }) => !gpuFile.test(url));
  const gpuFiles = all.filter(({ url }) => gpuFile.test(url));
  await build({
    entryPoints: ["scripts/site/service-worker.mjs"],
    outfile: join(folder, "sw.js"),
    bundle: true,
    minify: true,
    target: "es2022",
    define: {
      FILES: JSON.stringify(files),
      GPU_FILES: JSON.stringify(gpuFiles),
      "process.env.NODE_ENV": '"production"',
    },
  });
}

// Rollup plugin for the prebuilt worker: ONNX Runtime stays out of the bundle. Each of its two builds
// is copied beside the worker as it was published (one .mjs, one .wasm) and imported from there, so a
// visitor downloads only the one that their device uses. The second .mjs is asked for where the worker is of
// another origin than these files.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const builds = {
  "#ort-webgpu": [
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort-wasm-simd-threaded.asyncify.mjs",
  ],
  "#ort-wasm": [
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.mjs",
  ],
};
const { resolve } = createRequire(
  new URL("../packages/runtime/package.json", import.meta.url),
);
const published = dirname(resolve("onnxruntime-web/wasm"));
/** The folder of the package whose files are copied. */
export const ortFolder = dirname(published);

export function ortBeside() {
  return {
    name: "ort-beside",
    resolveId(id) {
      const files = builds[id];
      if (id === "#ort-node") return { id, external: true }; // for Node: not to be had here, which the caller says
      if (!files && id.startsWith("onnxruntime-")) {
        this.error(
          `${id} must be imported as ${Object.keys(builds).join(" or ")}`,
        );
      }
      if (!files) return null;
      for (const fileName of files) {
        this.emitFile({
          type: "asset",
          fileName,
          source: readFileSync(join(published, fileName)),
        });
      }
      return { id: `./${files[0]}`, external: true };
    },
  };
}

import { cpSync, createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { defineConfig } from "vite";

// The worker and ONNX Runtime are files beside the page, as they are in any page without a bundler.
const { resolve } = createRequire(import.meta.url);
const prebuilt = dirname(resolve("phaseskip/prebuilt/phaseskip.worker.js"));
const types = { ".wasm": "application/wasm" };

/** Lays the prebuilt folder beside the built page; while developing, serves it from where it is installed. */
const besideThePage = {
  name: "prebuilt",
  configureServer(server) {
    server.middlewares.use("/prebuilt", (request, response) => {
      const file = new URL(request.url, "http://localhost").pathname;
      response.setHeader(
        "Content-Type",
        types[extname(file)] ?? "text/javascript",
      );
      createReadStream(join(prebuilt, file))
        .on("error", () => response.writeHead(404).end())
        .pipe(response);
    });
  },
  writeBundle({ dir }) {
    cpSync(prebuilt, join(dir, "prebuilt"), { recursive: true });
  },
};

export default defineConfig(({ mode }) => ({
  base: "./",
  // `phaseskip serve` has the prebuilt folder already
  plugins: mode === "served" ? [] : [besideThePage],
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 1000,
    // what is packed names the licences of what it holds
    license: mode === "served" && { fileName: "LICENSES.md" },
  },
  server: {
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  },
}));

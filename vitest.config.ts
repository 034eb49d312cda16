import { defineConfig } from "vitest/config";

const conditions = ["@phaseskip/source", "module", "import", "default"];

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { conditions },
        ssr: { resolve: { conditions: ["node", ...conditions] } },
        test: { name: "node", include: ["packages/*/test/**/*.test.ts"], exclude: ["**/*.browser.test.ts", "**/*.webgpu.test.ts", "**/node_modules/**"] },
      },
    ],
  },
});

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";

const folder = "build/source-hooks-test";
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a worker thread of a test starts from TypeScript sources", async () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/word.ts`, 'export const word: string = "sources";');
  writeFileSync(
    `${folder}/worker.ts`,
    `import { parentPort } from "node:worker_threads";
     import * as graph from "@phaseskip/graph";
     import { word } from "./word.js";
     parentPort!.postMessage({ word, resolved: import.meta.resolve("@phaseskip/graph"), size: Object.keys(graph).length });`,
  );
  // as vitest.config.ts has it
  const execArgv = [
    "--conditions=@phaseskip/source",
    "--import=./scripts/source-hooks.mjs",
  ];
  const worker = new Worker(new URL("worker.js", `${pathToFileURL(folder)}/`), {
    execArgv,
  });
  const { word, resolved, size } = await new Promise((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  await worker.terminate();
  expect(word).toBe("sources");
  expect(resolved).toMatch(/packages\/graph\/src\/index\.ts$/);
  expect(size).toBeGreaterThan(0);
});

// `phaseskip serve`: what it hands out, under which headers, and what it refuses.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runCommand } from "../src/index.js";
import { RecordingStream } from "./terminal.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phaseskip-serve-"));
  for (const part of ["playground", "prebuilt"]) mkdirSync(join(folder, part));
  writeFileSync(
    join(folder, "playground", "index.html"),
    "<title>page</title>",
  );
  writeFileSync(join(folder, "prebuilt", "worker.js"), "export {};");
  writeFileSync(join(folder, "secret.txt"), "not for you");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts the command, hands its address to `visit`, and interrupts it. */
async function served(
  models: readonly string[],
  visit: (origin: string) => Promise<void>,
): Promise<number> {
  const controller = new AbortController();
  const stdout = new RecordingStream(false);
  const running = runCommand(["serve", ...models, "--port", "0"], {
    stdout,
    stderr: new RecordingStream(false),
    signal: controller.signal,
    site: {
      playground: join(folder, "playground"),
      prebuilt: join(folder, "prebuilt"),
    },
  });
  const origin = await vi.waitUntil(() => stdout.written.trim());
  await visit(origin);
  controller.abort();
  return running;
}

async function failing(
  args: readonly string[],
  site = join(folder, "playground"),
): Promise<{ code: number; message: string }> {
  const stderr = new RecordingStream(false);
  const code = await runCommand(["serve", ...args], {
    stdout: new RecordingStream(false),
    stderr,
    site: { playground: site, prebuilt: join(folder, "prebuilt") },
  });
  return { code, message: stderr.written };
}

test("serve hands out the page, the worker and the models, and ends when it is interrupted", async () => {
  const code = await served(
    ["models/scenes", "models/tiny-ddpm-ts"],
    async (origin) => {
      const page = await fetch(origin);
      expect(await page.text()).toContain("page");
      expect((await fetch(new URL("prebuilt/worker.js", origin))).status).toBe(
        200,
      );
      const models = (await (
        await fetch(new URL("models.json", origin))
      ).json()) as {
        name: string;
        url: string;
        plans: string[];
        prompt?: string;
      }[];
      expect(models.map(({ name }) => name)).toEqual([
        "scenes",
        "tiny-ddpm-ts",
      ]);
      expect(models[0]!.plans[0]).toBe("balanced");
      expect(models[0]!.prompt).toBeTypeOf("string");
      expect(models[1]).not.toHaveProperty("prompt");
      for (const { url } of models) {
        const index = await fetch(new URL(`${url}model_index.json`, origin));
        expect(await index.json()).toHaveProperty("_class_name");
      }
    },
  );
  expect(code).toBe(0);
});

test("serve allows threads and WASM, and nothing from elsewhere", async () => {
  await served(["models/tiny-ddpm-ts"], async (origin) => {
    const { headers } = await fetch(new URL("prebuilt/worker.js", origin));
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const policy = headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("'wasm-unsafe-eval'");
    expect(policy).not.toContain("unsafe-inline");
  });
});

test("serve keeps what lies outside of its folders", async () => {
  await served(["models/tiny-ddpm-ts"], async (origin) => {
    for (const path of [
      "..%2fsecret.txt",
      "prebuilt/..%2f..%2fsecret.txt",
      "%",
      "nothing.js",
    ]) {
      const response = await fetch(`${origin}${path}`);
      expect(response.status, path).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toContain("not for you");
    }
    expect((await fetch(origin, { method: "POST" })).status).toBe(405);
  });
});

test("serve says which MODEL is none", async () => {
  const { code, message } = await failing([folder]);
  expect(code).toBe(2);
  expect(message).toMatch(/MODEL must be a folder with a model_index\.json/);
});

test("serve says that the page is not built", async () => {
  const { code, message } = await failing(["models/tiny-ddpm-ts"], folder);
  expect(code).toBe(1);
  expect(message).toMatch(/npm run build/);
});

test("serve says that the port is taken", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "localhost", resolve));
  const { port } = other.address() as { port: number };
  const { code, message } = await failing([
    "models/tiny-ddpm-ts",
    "--port",
    String(port),
  ]);
  other.close();
  expect(code).toBe(1);
  expect(message).toContain(`port ${port} must be free`);
});

test("serve says that there is no such port", async () => {
  const { code, message } = await failing(["--port", "99999"]);
  expect(code).toBe(2);
  expect(message).toContain("--port must be an integer in [0, 65535]");
});

// The playground in every engine that is here, under its policy: a mask painted, lines drawn, a run played. CI has Chromium
// alone; `node scripts/find-browsers.mjs --install` brings the others.
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engineNames } from "./engines/engine.js";
import { launchEngine } from "./engines/launch-engine.js";
import type { Driven } from "./playground/drive.js";
import { serveFiles, type Served } from "./serve.js";

const site = "packages/phaseskip/dist/playground";
const policy = [
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
  "connect-src 'self'; style-src 'self'; img-src data:",
].join("; ");

let folder: string;
let served: Served;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-playground-"));
  for (const [name, fixture] of [
    ["text", "tiny-sd-image-ts"],
    ["inpaint", "tiny-inpaint-ts"],
    ["control", "tiny-control-ts"],
  ] as const)
    await cp(`models/${fixture}`, join(folder, "models", name), {
      recursive: true,
    });
  await nameControlNet(join(folder, "models/control"));
  const list = ["text", "inpaint", "control"].map((name) => ({
    ...{ name, url: `models/${name}/`, plans: [], prompt: "boat" },
  }));
  await writeFile(join(folder, "models.json"), JSON.stringify(list));
  await build({
    entryPoints: ["e2e/playground/drive.ts"],
    outfile: join(folder, "drive.js"),
    bundle: true,
  });
  const page = await readFile(join(site, "index.html"), "utf8");
  const script = '<script type="module" src="drive.js"></script>';
  served = await serveFiles({
    pages: { "/": page.replace("</head>", `${script}</head>`) },
    folders: {
      "/models/": join(folder, "models"),
      "/models.json": join(folder, "models.json"),
      "/drive.js": join(folder, "drive.js"),
      "/prebuilt/": "packages/phaseskip/dist/prebuilt",
      "/": site,
    },
    headers: { "Content-Security-Policy": policy },
  });
});

afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true });
});

/** The first of a fixture's ControlNets as its only one, named as diffusers names it where nothing lists the folder. */
async function nameControlNet(model: string): Promise<void> {
  await rename(join(model, "controlnet_0"), join(model, "controlnet"));
  await rm(join(model, "controlnet_1"), { recursive: true });
  const path = join(model, "model_index.json");
  const index = JSON.parse(await readFile(path, "utf8")) as object;
  const controlnet = ["diffusers", "ControlNetModel"];
  await writeFile(path, JSON.stringify({ ...index, controlnet }));
}

test.for(engineNames)(
  "%s: a mask and lines change the picture, and a run is played step by step",
  { timeout: 240_000 },
  async (name, { skip }) => {
    const engine = await launchEngine(name);
    if ("reason" in engine) return skip(true, engine.reason);
    try {
      const { errors, violations, result } = await engine.openPage(
        served.origin,
        { result: "globalThis.result", patience: 200_000 },
      );
      expect(result).not.toHaveProperty("failed");
      const seen = result as Driven;
      expect(seen.painted).toBeGreaterThan(0);
      expect(seen.lacks).toBe("image, mask");
      for (const [one, other] of [seen.masked, seen.followed])
        expect(one).not.toBe(other);
      expect(seen.played[0]).toMatch(/^Step 1 of \d/);
      expect(seen.played.at(-1)).toMatch(/^Step (\d) of \1: /);
      expect(seen.played).toHaveLength(seen.marked + 1);
      expect([...errors, ...violations]).toEqual([]);
    } finally {
      await engine.close();
    }
  },
);

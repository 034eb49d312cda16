import { createHash } from "node:crypto";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFolder, parseManifest } from "@phaseskip/runtime/internals";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { serveFaults } from "../../../e2e/fault-server.js";
import { licenceOf } from "../src/files/model-licence.js";
import { fixture, run } from "./run.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);

const plan = (name: string, model?: object) =>
  JSON.stringify({
    format: "phaseskip-plan",
    version: 1,
    name,
    phases: [{ name: "late", from: 600, to: 0 }],
    rules: [
      {
        units: ["up_blocks.1"],
        phases: ["late"],
        action: "reuse",
        refresh: { every: 3 },
      },
    ],
    ...model,
  });

let model: string;
beforeEach(async () => {
  model = await mkdtemp(join(tmpdir(), "phaseskip-"));
  await cp(fixture("tiny-text-ts"), model, { recursive: true });
});
afterEach(() => rm(model, { recursive: true }));

const write = async (path: string, content: string) => {
  await mkdir(join(model, path, ".."), { recursive: true });
  await writeFile(join(model, path), content);
};
const packed = () => readFile(join(model, "phaseskip.json"), "utf8");
const listed = async () =>
  parseManifest(JSON.parse(await packed()), "the list", 2 ** 24);

describe("phaseskip pack", () => {
  test("lists every file that is read, with size and SHA-256, the plans and the licence", async () => {
    await write("plans/b.json", plan("b"));
    await write("plans/a.json", plan("a"));
    await write("README.md", "---\nlicense: mit\n---\n# tiny\n");
    await write(".gitattributes", "*.onnx filter=lfs");
    await write("unet/diffusion_pytorch_model.safetensors", "not read");
    const { exitCode, stdout } = await run(["pack", model]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("licence mit, plans a, b");
    const { files, plans, licence } = await listed();
    expect([licence, plans]).toEqual(["mit", ["a", "b"]]);
    expect([...files.keys()]).toEqual([
      "model_index.json",
      "plans/a.json",
      "plans/b.json",
      "scheduler/scheduler_config.json",
      "text_encoder/config.json",
      "text_encoder/model.onnx",
      "tokenizer/tokenizer.json",
      "tokenizer/tokenizer_config.json",
      "unet/config.json",
      "unet/model.onnx",
    ]);
    const unet = await readFile(join(model, "unet/model.onnx"));
    expect(files.get("unet/model.onnx")).toEqual({
      size: unet.length,
      sha256: [createHash("sha256").update(unet).digest("hex")],
    });
  });

  test("has one digest for each 16 MiB, and lists files of weights beside a network", async () => {
    await cp(fixture("scenes"), model, { recursive: true });
    await rm(join(model, "phaseskip.json"), { force: true });
    const weights = join(model, "unet/weights-0.bin");
    const bytes = Buffer.concat([
      await readFile(weights),
      Buffer.alloc(2 ** 24),
    ]);
    await writeFile(weights, bytes);
    const { stderr, exitCode } = await run(["pack", model]);
    expect([exitCode, stderr]).toEqual([0, containing("reading")]);
    const file = (await listed()).files.get("unet/weights-0.bin");
    const digest = (from: number, to?: number) =>
      createHash("sha256").update(bytes.subarray(from, to)).digest("hex");
    expect(file).toEqual({
      size: bytes.length,
      sha256: [digest(0, 2 ** 24), digest(2 ** 24)],
    });
  });

  test("gives the same bytes again, and says what changed", async () => {
    await run(["pack", model, "--licence", "MIT"]);
    const first = await packed();
    const second = await run(["pack", model]);
    expect(await packed()).toBe(first); // the licence is kept, too
    expect(second.stdout).toContain("nothing changed");

    await write("plans/new.json", plan("new"));
    await write("model_index.json", await readIndex({ guidance_scale: 2 }));
    const { stdout } = await run(["pack", model, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      format: "phaseskip-model",
      licence: "MIT",
      plans: ["new"],
      changes: {
        added: ["plans/new.json"],
        changed: ["model_index.json"],
        removed: [],
      },
    });
    await rm(join(model, "plans"), { recursive: true });
    expect((await run(["pack", model])).stdout).toContain(
      "removed plans/new.json",
    );
    expect(await readdir(model)).not.toContainEqual(containing(".part"));
  });

  test("--licence outranks what the model says", async () => {
    await write("model_index.json", await readIndex({ licence: "Apache-2.0" }));
    await run(["pack", model]);
    expect((await listed()).licence).toBe("Apache-2.0");
    await run(["pack", model, "--licence", "BSD-3-Clause"]);
    expect((await listed()).licence).toBe("BSD-3-Clause");
  });

  test("notes a missing licence and a plan for another Unet", async () => {
    const other = { model: { unet: `sha256:${"0".repeat(64)}` } };
    await write("plans/other.json", plan("other", other));
    const { stderr } = await run(["pack", model]);
    expect(stderr).toContain("no licence is named anywhere");
    expect(stderr).toContain("plans/other.json is for another Unet");
  });

  test.each<[string, () => Promise<unknown>, string]>([
    [
      "a model without its Unet",
      () => rm(join(model, "unet/model.onnx")),
      "it has no unet/model.onnx",
    ],
    [
      "a network that is cut short",
      () => truncate(join(model, "unet/model.onnx"), 50_000),
      "unet/model.onnx",
    ],
    [
      "a Git LFS pointer",
      () =>
        write("unet/model.onnx", "version https://git-lfs.github.com/spec/v1"),
      "git lfs pull",
    ],
    [
      "a plan that is none",
      () => write("plans/bad.json", plan("bad").replace("reuse", "rouse")),
      "its plans/bad.json is wrong",
    ],
    [
      "a phaseskip.json of somebody else",
      () => write("phaseskip.json", "{}"),
      "move it away",
    ],
  ])("refuses %s, and writes nothing", async (_, spoil, reason) => {
    await spoil();
    const before = await packed().catch(() => undefined);
    const { exitCode, stderr, stdout } = await run(["pack", model]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(reason);
    expect(await packed().catch(() => undefined)).toBe(before);
  });

  test("refuses a URL as wrong usage", async () => {
    const { exitCode, stderr } = await run(["pack", "https://x.test/model"]);
    expect([exitCode, stderr]).toEqual([
      2,
      containing("must be a folder on this disk"),
    ]);
  });

  test("what it writes is what a load over HTTP verifies by", async () => {
    await run(["pack", model]);
    const server = await serveFaults({ folder: model });
    try {
      const folder = await openFolder(server.url, { retryMs: 1 });
      expect(await folder.file("unet/model.onnx")).toMatchObject({
        sha256: (await listed()).files.get("unet/model.onnx")?.sha256,
      });
      await write("unet/config.json", "{}");
      await expect(folder.file("unet/config.json")).rejects.toMatchObject({
        code: "integrity",
        message: containing("unet/config.json"),
      });
      await folder.close();
    } finally {
      await server.close();
    }
  });
});

test.each([
  ["---\nlicense: creativeml-openrail-m\n---\n", "creativeml-openrail-m"],
  ['---\r\ntags: [a]\r\nlicense: "mit"\r\n---\r\n', "mit"],
  ["| licence  | MIT, weights and pictures |", "MIT"],
  ["- **License:** Apache-2.0", "Apache-2.0"],
  ["# A model\n\nNothing is said of its licence here.", undefined],
])("licenceOf() reads %j", (card, licence) => {
  expect(licenceOf(card)).toBe(licence);
});

async function readIndex(more: object): Promise<string> {
  const text = await readFile(join(model, "model_index.json"), "utf8");
  return JSON.stringify({ ...(JSON.parse(text) as object), ...more });
}

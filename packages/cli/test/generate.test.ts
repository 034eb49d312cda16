import { mkdtemp, readFile, rm, writeFile, access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPipeline } from "../src/index.js";
import { readNpy, writeNpy } from "../src/pictures/npy.js";
import { writePng } from "../src/pictures/png.js";
import { fixture, run } from "./run.js";

const model = fixture("tiny-text-ts");
const plan = {
  format: "phaseskip-plan",
  version: 1,
  name: "hold",
  phases: [],
  rules: [{ units: ["up_blocks.1"], action: "reuse", refresh: { every: 2 } }],
} as const;

let folder: string;
let count = 0;
/** The sample without more options. */
let usual: Float32Array;
const inFolder = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-"));
  await writeFile(inFolder("hold.json"), JSON.stringify(plan));
  usual = await sampleOf();
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** The sample of a run of three steps, with more options. */
async function sampleOf(...options: string[]): Promise<Float32Array> {
  const path = inFolder(`sample-${count++}.npy`);
  const base = [
    "--prompt",
    "a red boat",
    "--steps",
    "3",
    "--save-sample",
    path,
  ];
  const { exitCode, stderr } = await run([
    "generate",
    model,
    ...base,
    ...options,
  ]);
  expect(
    stderr.split("\n").filter((line) => line.startsWith("phaseskip:")),
  ).toEqual([]);
  expect(exitCode).toBe(0);
  return (await readNpy(path)).data;
}

describe("phaseskip generate", { timeout: 120_000 }, () => {
  test("--save-sample holds exactly what the runtime computes", async () => {
    const pipeline = await openPipeline(model);
    try {
      const { sample, sampleShape } = await pipeline.generate({
        prompt: "a red boat",
        seed: 5,
        numInferenceSteps: 3,
        plan,
      });
      const found = await sampleOf(
        "--seed",
        "5",
        "--plan",
        inFolder("hold.json"),
      );
      expect(found).toEqual(sample);
      expect(
        (await readNpy(inFolder(`sample-${count - 1}.npy`))).shape,
      ).toEqual(sampleShape);
    } finally {
      pipeline.dispose();
    }
  });

  test.each([
    ["--seed", "1"],
    ["--prompt", "a castle"],
    ["--negative", "a blue castle"],
    ["--steps", "4"],
    ["--scheduler", "euler"],
    ["--guidance", "2"],
    ["--plan", "hold.json"],
    ["--guidance-rescale", "0.7"],
  ])("%s changes the sample", async (option, value) => {
    const given = value.endsWith(".json") ? inFolder(value) : value;
    expect(await sampleOf(option, given)).not.toEqual(usual);
  });

  test("--prompt-style says whether brackets are weights", async () => {
    const weighted = ["--prompt", "a (red:1.5) boat"];
    const { exitCode } = await run(["generate", model, "--prompt-style", "no"]);
    expect(exitCode).toBe(2);
    expect(await sampleOf(...weighted, "--prompt-style", "plain")).not.toEqual(
      await sampleOf(...weighted, "--prompt-style", "weighted"),
    );
  });

  test("--prompt-2 and --negative-2 are what SDXL's second encoder reads", async () => {
    const sampleOfXl = async (...options: string[]) => {
      const path = inFolder(`sample-${count++}.npy`);
      await run([
        ...["generate", fixture("tiny-sdxl-ts"), "--prompt", "a boat"],
        ...["--negative", "a cat", "--steps", "2", "--save-sample", path],
        ...options,
      ]);
      return (await readNpy(path)).data;
    };
    const one = await sampleOfXl();
    expect(await sampleOfXl("--prompt-2", "a boat")).toEqual(one);
    expect(await sampleOfXl("--prompt-2", "the sun")).not.toEqual(one);
    expect(await sampleOfXl("--negative-2", "the sun")).not.toEqual(one);
  });

  test("--denoising-end hands a sample over, --latents and --denoising-start go on from it", async () => {
    const of = async (name: string, ...options: string[]) => {
      const path = inFolder(`sample-${count++}.npy`);
      const { stderr } = await run([
        ...["generate", fixture(name), "--prompt", "a boat", "--steps", "3"],
        ...["--save-sample", path, ...options],
      ]);
      expect(stderr).not.toContain("Cannot");
      return { path, sample: (await readNpy(path)).data };
    };
    const base = await of("tiny-sdxl-ts", "--denoising-end", "0.6");
    const refined = (...options: string[]) =>
      of(
        ...(["tiny-refiner-ts", "--denoising-start", "0.6"] as const),
        ...["--latents", base.path, ...options],
      );
    const { sample } = await refined();
    for (const option of ["--aesthetic-score", "--negative-aesthetic-score"])
      expect((await refined(option, "1")).sample).not.toEqual(sample);
  });

  test("--controlnet lies beside the model, and follows --control", async () => {
    const net = fixture("tiny-control-ts/controlnet_0");
    const on = [fixture("tiny-sd-image-ts"), "--controlnet", net];
    const picture = inFolder("edges.png");
    const data = new Uint8ClampedArray(4 * 256).map((_, i) => 7 * i);
    await writePng(picture, { data, width: 16, height: 16 });
    const of = async (...options: string[]) => {
      const path = inFolder(`sample-${count++}.npy`);
      const { stderr } = await run([
        ...["generate", ...on, "--prompt", "a boat", "--steps", "2"],
        ...["--save-sample", path, ...options],
      ]);
      expect(stderr).not.toContain("Cannot");
      return (await readNpy(path)).data;
    };
    expect(await of("--control", picture)).not.toEqual(await of());
    const { stdout } = await run(["inspect", ...on]);
    expect(stdout).toMatch(/^controlnet\b/m);
    const { exitCode, stderr } = await run(["inspect", ...on, "--changes"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("leave --controlnet out");
  });

  test("--lora merges a file, by its scale", async () => {
    const file = fileURLToPath(
      new URL(
        "../../runtime/test/golden-lora/peft.safetensors",
        import.meta.url,
      ),
    );
    const sampleOfSd = async (...options: string[]) => {
      const path = inFolder(`sample-${count++}.npy`);
      await run([
        ...["generate", fixture("tiny-sd-ts"), "--prompt", "a boat"],
        ...["--steps", "2", "--save-sample", path, ...options],
      ]);
      return (await readNpy(path)).data;
    };
    const plain = await sampleOfSd();
    expect(await sampleOfSd("--lora", `${file}=0`)).toEqual(plain);
    const one = await sampleOfSd("--lora", file);
    expect(one).not.toEqual(plain);
    expect(await sampleOfSd("--lora", `${file}=1`)).toEqual(one);
    expect(await sampleOfSd("--lora", `${file}=-0.5`)).not.toEqual(one);
  });

  test("--clip-skip needs an encoder that gives its hidden states", async () => {
    const { exitCode, stderr } = await run([
      ...["generate", model, "--prompt", "a boat", "--clip-skip", "1"],
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("must have an output named hidden_states.0");
  });

  test("--seed is 0, --plan none and --backend wasm by default", async () => {
    const explicit = ["--seed", "0", "--plan", "none", "--backend", "wasm"];
    expect(await sampleOf(...explicit)).toEqual(usual);
  });

  test("--count draws the seeds from --seed on", async () => {
    const both = await sampleOf("--seed", "3", "--count", "2");
    const second = await sampleOf("--seed", "4");
    expect(both).toHaveLength(2 * second.length);
    const distance = second.map((value, i) =>
      Math.abs(value - both[second.length + i]!),
    );
    expect(Math.max(...distance)).toBeLessThan(1e-4);
  });

  test("--prompt, given again, draws each", async () => {
    const both = await sampleOf("--prompt", "a castle");
    expect(both).toHaveLength(2 * usual.length);
    const distance = usual.map((value, i) => Math.abs(value - both[i]!));
    expect(Math.max(...distance)).toBeLessThan(1e-4);
  });

  test("--height and --width choose the size", async () => {
    expect(await sampleOf("--height", "8", "--width", "24")).toHaveLength(
      3 * 8 * 24,
    );
  });

  test("--image, --strength and --mask start from a picture", async () => {
    const levels = (of: (x: number, c: number) => number) => ({
      data: Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) =>
        of((i >> 2) % 16, i % 4),
      ),
      width: 16,
      height: 16,
    });
    const [image, mask] = [inFolder("image.png"), inFolder("mask.png")];
    await writePng(
      image,
      levels((x, c) => (c === 3 ? 255 : 16 * x)),
    );
    await writePng(
      mask,
      levels((x, c) => (c === 3 || x >= 8 ? 255 : 0)),
    );
    const some = await sampleOf("--image", image, "--strength", "0.4");
    expect(some).not.toEqual(await sampleOf("--image", image));
    const under = await sampleOf("--image", image, "--mask", mask);
    const kept = under.filter((_, i) => i % 16 < 8);
    const right = kept.map((_, i) => (16 * (i % 8)) / 127.5 - 1);
    expect(
      Math.max(...kept.map((value, i) => Math.abs(value - right[i]!))),
    ).toBeLessThan(1e-6);
    for (const [options, message] of [
      [["--mask", mask], "image is missing"],
      [["--image", image, "--strength", "0"], "strength must be above 0"],
      [["--image", inFolder("hold.json")], "hold.json must be a PNG"],
      [["--image", inFolder("none.png")], "no such file"],
    ] as const) {
      const { exitCode, stderr } = await run([
        ...["generate", model, "--prompt", "a", ...options],
      ]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(message);
    }
  });

  test("--init-noise takes the place of the seed's noise", async () => {
    const noise = await readNpy(inFolder("sample-0.npy"));
    const path = inFolder("noise.npy");
    await writeNpy(path, noise);
    const found = await sampleOf("--init-noise", path);
    expect(found).not.toEqual(usual);
    expect(await sampleOf("--init-noise", path, "--seed", "9")).toEqual(found);
  });

  test("--init-noise of several draws as many pictures", async () => {
    const one = await readNpy(inFolder("sample-0.npy"));
    const data = new Float32Array(2 * one.data.length);
    data.set(one.data);
    data.set(one.data, one.data.length);
    const path = inFolder("two.npy");
    await writeNpy(path, { shape: [2, ...one.shape.slice(1)], data });
    expect(await sampleOf("--init-noise", path)).toHaveLength(data.length);
    const { exitCode, stderr } = await run([
      ...[
        "generate",
        model,
        "--prompt",
        "a",
        "--init-noise",
        path,
        "--count",
        "3",
      ],
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^phaseskip: Cannot start from .* \[3, channel, height, width\].*\n$/,
    );
  });

  test("--out is a PNG at least 256 pixels high", async () => {
    const out = inFolder("new/one.png");
    const { exitCode, stdout } = await run([
      ...["generate", model, "--prompt", "a", "--steps", "2", "--out", out],
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${out}: 16 × 16 pixels, each shown as 16 × 16`);
    const { width, height } = decode(await readFile(out));
    expect([width, height]).toEqual([256, 256]);
  });

  test("--compare puts full above skipped, and saves the plan's sample", async () => {
    const out = inFolder("both.png");
    const options = [
      "--plan",
      inFolder("hold.json"),
      "--compare",
      "--count",
      "2",
      "--out",
      out,
    ];
    const saved = await sampleOf(...options);
    expect(saved).toEqual(
      await sampleOf("--plan", inFolder("hold.json"), "--count", "2"),
    );
    const { width, height } = decode(await readFile(out));
    expect([width, height]).toEqual([33 * 16, 33 * 16]);
  });

  test("--json is one object and nothing else on standard output", async () => {
    const out = inFolder("json.png");
    const { exitCode, stdout, stderr } = await run([
      ...[
        "generate",
        model,
        "--prompt",
        "a red boat",
        "--steps",
        "2",
        "--seed",
        "4",
        "--count",
        "2",
      ],
      ...["--plan", inFolder("hold.json"), "--compare", "--out", out, "--json"],
    ]);
    expect(exitCode).toBe(0);
    const said = JSON.parse(stdout) as Record<string, unknown>;
    expect(said).toMatchObject({
      model,
      seeds: [4, 5],
      width: 16,
      files: { picture: out, scale: 16 },
      report: { plan: "hold", seed: 4, numInferenceSteps: 2 },
      full: { plan: "none", numInferenceSteps: 2 },
    });
    expect(said["ssim"]).toHaveLength(2);
    expect(stderr).toContain("drawing, plan: 100 %");
  });

  test("draws a bar on a terminal, and takes it away", async () => {
    const { stderr } = await run(
      [
        "generate",
        model,
        "--prompt",
        "a",
        "--steps",
        "2",
        "--save-sample",
        inFolder("bar.npy"),
      ],
      true,
    );
    expect(stderr).toContain("█");
    expect(stderr.endsWith("\r\x1b[2K")).toBe(true);
    await expect(access("phaseskip.png")).rejects.toThrow();
  });

  test("names words that the model does not know", async () => {
    const { stderr } = await run([
      ...[
        "generate",
        model,
        "--prompt",
        "a zeppelin",
        "--steps",
        "1",
        "--save-sample",
        inFolder("word.npy"),
      ],
    ]);
    expect(stderr).toMatch(/^note: .*"zeppelin"$/m);
  });
});

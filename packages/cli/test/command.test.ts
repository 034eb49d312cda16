import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../src/index.js";
import { fixture, run, spawnCommand } from "./run.js";

const model = fixture("tiny-text-ts");
let folder: string;
let server: Server;
let address: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-"));
  const onnx = await readFile(join(model, "unet/model.onnx"));
  for (const [name, bytes] of [
    ["truncated", onnx.subarray(0, 20_000)],
    ["web-page", "<!doctype html><title>Not found</title>"],
  ] as const) {
    await cp(model, join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "unet/model.onnx"), bytes);
  }
  await writeFile(join(folder, "broken.json"), '{"format": ');
  await writeFile(join(folder, "other.json"), '{"format": "gif"}');
  const rules = [{ units: ["up_block.1"], action: "zero" }];
  const noUnit = { format: "phaseskip-plan", version: 1, phases: [], rules };
  await writeFile(join(folder, "no-unit.json"), JSON.stringify(noUnit));
  const steps = { numInferenceSteps: 2000 };
  const tooMany = { ...noUnit, rules: [], steps };
  await writeFile(join(folder, "too-many.json"), JSON.stringify(tooMany));
  await writeFile(join(folder, "noise.npy"), "no array");
  server = createServer((_, response) => {
    response.statusCode = 404;
    response.end("no such file");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

describe("phaseskip", { timeout: 120_000 }, () => {
  test("prints its version, that of its package", async () => {
    const text = await readFile(
      new URL("../package.json", import.meta.url),
      "utf8",
    );
    expect((JSON.parse(text) as { version: string }).version).toBe(version);
    expect(await run(["--version"])).toEqual({
      exitCode: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
  });

  test.each([
    [],
    ["inspect"],
    ["generate"],
    ["plan"],
    ["fit"],
    ["bench"],
    ["pack"],
  ])("helps within 80 columns: %s", async (...command) => {
    const { exitCode, stdout, stderr } = await run([...command, "--help"]);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(
      Math.max(...stdout.split("\n").map((line) => stringWidth(line))),
    ).toBeLessThanOrEqual(80);
    expect(stdout).toMatchSnapshot();
  });

  test.each([
    ...["inspect", "generate", "serve", "bench", "pack"],
    ...["ablate", "merge", "report", "plan"],
  ])(
    "its help of %s ends with an example, of options that it has",
    async (name) => {
      const { stdout } = await run([name, "--help"]);
      const [, example] =
        /\nExample:\n {2}phaseskip (.+)\n$/.exec(stdout) ?? [];
      expect(example?.split(" ")[0]).toBe(name);
      for (const option of example!.match(/--[a-z-]+/g) ?? [])
        expect(stdout).toMatch(new RegExp(`^  ${option}\\b`, "m"));
    },
  );

  test("draws a first picture of the model that lies here, and says what comes next", async () => {
    const here = process.cwd();
    const first = await mkdtemp(join(tmpdir(), "phaseskip-first-"));
    await cp(model, join(first, "models/tiny-text"), { recursive: true });
    process.chdir(first);
    try {
      const { exitCode, stdout } = await run([]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("phaseskip.png: ");
      expect(stdout).toMatch(
        /\nNext:\n.*phaseskip generate models\/tiny-text --prompt ".+"\n/,
      );
      const png = await readFile("phaseskip.png");
      expect(png.subarray(1, 4).toString()).toBe("PNG");
    } finally {
      process.chdir(here);
      await rm(first, { recursive: true });
    }
  });

  test("says that there is no model, and its help, where it is told nothing", async () => {
    const here = process.cwd();
    const empty = await mkdtemp(join(tmpdir(), "phaseskip-empty-"));
    process.chdir(empty);
    try {
      const { exitCode, stdout, stderr } = await run([]);
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(
        /^phaseskip: no picture is drawn, as there is no model.*\n\nUsage: phaseskip/,
      );
    } finally {
      process.chdir(here);
      await rm(empty, { recursive: true });
    }
  });

  const draw = ["generate", model, "--prompt", "a", "--steps", "2"];
  test.each<[string, number, RegExp, () => string[]]>([
    ["an unknown command", 2, /unknown command 'draw'/, () => ["draw"]],
    ["no model", 2, /missing required argument 'MODEL'/, () => ["generate"]],
    [
      "too many models",
      2,
      /too many arguments/,
      () => ["inspect", model, model],
    ],
    [
      "an unknown option",
      2,
      /unknown option '--promt' \(Did you mean --prompt\?\)/,
      () => ["generate", model, "--promt", "a"],
    ],
    [
      "a value that is missing",
      2,
      /argument missing/,
      () => [...draw, "--seed"],
    ],
    [
      "a seed that is no number",
      2,
      /whole number of at least 0/,
      () => [...draw, "--seed", "x"],
    ],
    [
      "a negative seed",
      2,
      /whole number of at least 0/,
      () => [...draw, "--seed", "-1"],
    ],
    [
      "half a picture",
      2,
      /whole number of at least 1/,
      () => [...draw, "--count", "0.5"],
    ],
    [
      "no steps",
      2,
      /whole number of at least 1/,
      () => [...draw, "--steps", "0"],
    ],
    [
      "more steps than there are",
      2,
      /numInferenceSteps must be an integer in \[1, 1000\]/,
      () => [...draw, "--steps", "2000"],
    ],
    [
      "a guidance below 0",
      2,
      /number of at least 0/,
      () => [...draw, "--guidance", "-1"],
    ],
    [
      "an unknown scheduler",
      2,
      /Allowed choices are ddpm, ddim/,
      () => [...draw, "--scheduler", "foo"],
    ],
    [
      "an unknown scheduler option",
      2,
      /is useKarrasSigmas meant\?\): current option is "useKarras"/,
      () => [
        ...draw,
        ...["--scheduler", "dpmpp-2m"],
        ...["--scheduler-option", "use_karras=true"],
      ],
    ],
    [
      "a scheduler option without a value",
      2,
      /It must be KEY=VALUE/,
      () => [...draw, "--scheduler-option", "use_karras_sigmas"],
    ],
    [
      "an unknown backend",
      2,
      /Allowed choices are wasm, node/,
      () => [...draw, "--backend", "gpu"],
    ],
    [
      "a backend that is not installed",
      1,
      /npm install onnxruntime-node/,
      () => [...draw, "--backend", "node"],
    ],
    [
      "another picture format",
      2,
      /must end in \.png/,
      () => [...draw, "--out", "x.jpg"],
    ],
    [
      "a picture that cannot be written",
      1,
      /Cannot write the picture/,
      () => [...draw, "--out", join(folder, "broken.json/x.png")],
    ],
    [
      "noise that is none",
      2,
      /must be a NumPy array file/,
      () => [...draw, "--init-noise", join(folder, "noise.npy")],
    ],
    ["no prompt", 2, /prompt is missing/, () => ["generate", model]],
    [
      "a prompt for a model that takes none",
      2,
      /leave the prompt out/,
      () => ["generate", fixture("tiny-ddpm-ts"), "--prompt", "a"],
    ],
    [
      "a comparison without a plan",
      2,
      /--compare needs a plan/,
      () => [...draw, "--compare"],
    ],
    [
      "a comparison with the whole model itself",
      2,
      /--compare needs a plan/,
      () => [...draw, "--compare", "--quality", "lossless"],
    ],
    [
      "a word of quality that is none",
      2,
      /Allowed choices are lossless, high, balanced, fast/,
      () => [...draw, "--quality", "best"],
    ],
    [
      "a word whose plan the model does not ship",
      1,
      /"quality" as the model at .* ships none of that name/,
      () => [...draw, "--quality", "high"],
    ],
    [
      "a plan file that is missing",
      2,
      /no such file/,
      () => [...draw, "--plan", join(folder, "none.json")],
    ],
    [
      "a plan that is no JSON",
      1,
      /broken\.json as it must be JSON/,
      () => [...draw, "--plan", join(folder, "broken.json")],
    ],
    [
      "a plan that is none",
      1,
      /must be "phaseskip-plan"/,
      () => [...draw, "--plan", join(folder, "other.json")],
    ],
    [
      "a plan with more steps than there are",
      1,
      /Cannot run the plan too-many as its steps must suit the scheduler: .*\[1, 1000\]: current value is 2000/,
      () => [...draw.slice(0, 4), "--plan", join(folder, "too-many.json")],
    ],
    [
      "a plan for another model",
      1,
      /"up_block\.1" matches none/,
      () => ["inspect", model, "--plan", join(folder, "no-unit.json")],
    ],
    [
      "a plan that the model does not ship",
      1,
      /ships none of that name/,
      () => [...draw, "--plan", "fastest"],
    ],
    [
      "a folder that is missing",
      1,
      /does not exist/,
      () => ["generate", join(folder, "nowhere"), "--prompt", "a"],
    ],
    [
      "a folder that is no model",
      1,
      /model_index\.json/,
      () => ["inspect", folder],
    ],
    [
      "a truncated model",
      1,
      /not a whole ONNX model/,
      () => ["generate", join(folder, "truncated"), "--prompt", "a"],
    ],
    [
      "a web page for a model",
      1,
      /a web page \(HTML\) came instead/,
      () => ["inspect", join(folder, "web-page")],
    ],
    [
      "a server without the model",
      1,
      /404/,
      () => ["generate", `${address}/model/`, "--prompt", "a"],
    ],
  ])("says in one line what is wrong: %s", async (_, code, wanted, argv) => {
    const { exitCode, stdout, stderr } = await run(argv());
    const lines = stderr
      .split("\n")
      .filter((line) => !/^(drawing|loading|warming up)\b/.test(line));
    expect(lines).toEqual([expect.stringMatching(/^phaseskip: /), ""]);
    expect(lines[0]).toMatch(wanted);
    expect(stdout).toBe("");
    expect(exitCode).toBe(code);
  });

  test("ends by itself, as a process", async () => {
    const path = join(folder, "process.npy");
    const ran = await spawnCommand([...draw, "--save-sample", path, "--json"]);
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ files: { sample: path } });
  });

  test("ends by itself when it fails, as a process", async () => {
    const ran = await spawnCommand([
      "generate",
      join(folder, "truncated"),
      "--prompt",
      "a",
    ]);
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^phaseskip: [^\n]*\n$/);
  });

  test("stops at an interrupt with exit code 130", async () => {
    const argv = [
      "generate",
      model,
      "--prompt",
      "a",
      "--steps",
      "1000",
      "--count",
      "8",
      "--save-sample",
      join(folder, "no.npy"),
    ];
    const ran = await spawnCommand(argv, (kill, stderr) => {
      const timer = setInterval(() => {
        if (!stderr().includes("drawing")) return;
        clearInterval(timer);
        kill("SIGINT");
      }, 20);
    });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toMatch(/^phaseskip: interrupted\n$/m);
    await expect(readFile(join(folder, "no.npy"))).rejects.toThrow();
  });
});

// Fetches the model of adaptive-terrain-diffusion 0.4.2 (MIT) with pip, and lays beside it what phaseskip has to know.
//
//   node set-up.mjs [FOLDER]     into model/, or FOLDER; Python with pip must be there

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = "adaptive-terrain-diffusion==0.4.2";
const WEIGHTS = "terrain_diffusion/weights/terrain_consistency_unet_difficulty100.onnx"; // prettier-ignore
const LICENCE = "adaptive_terrain_diffusion-0.4.2.dist-info/licenses/LICENSE";
const SHA256 =
  "95be54b4a39d58320e187a7ec533351c957f16a00be58773c86074828ee67887";

/** What its inputs are called, and that it is the denoiser itself; its package's generator.py runs it so. */
const inputs = {
  sample: "noisy",
  timestep: "sigma",
  output: "denoised",
  constants: { difficulty: 0.6 },
  preconditioning: "inside",
};
const scheduler = {
  _class_name: "CMStochasticIterativeScheduler",
  sigma_min: 0.002,
  sigma_max: 80,
  sigma_data: 0.5,
};

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "model"));
const scratch = mkdtempSync(join(tmpdir(), "terrain-"));
try {
  const python = (...args) =>
    execFileSync("python3", args, { cwd: scratch, stdio: "inherit" });
  python("-m", "pip", "download", "--quiet", "--no-deps", PACKAGE);
  const wheel = readdirSync(scratch).find((name) => name.endsWith(".whl"));
  python("-m", "zipfile", "-e", wheel, ".");
  const weights = readFileSync(join(scratch, WEIGHTS));
  const found = createHash("sha256").update(weights).digest("hex");
  if (found !== SHA256)
    throw new Error(
      `Cannot set up the terrain model as ${WEIGHTS} must have the SHA-256 ${SHA256}: it has ${found}`,
    );
  mkdirSync(folder, { recursive: true });
  const write = (name, data) => writeFileSync(join(folder, name), data);
  const writeJson = (name, value) =>
    write(name, `${JSON.stringify(value, null, 2)}\n`);
  write("model.onnx", weights);
  write("LICENSE", readFileSync(join(scratch, LICENCE)));
  writeJson("phaseskip-inputs.json", inputs);
  writeJson("scheduler_config.json", scheduler);
  writeJson("config.json", { sample_size: 128 });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${folder} holds the terrain model`);

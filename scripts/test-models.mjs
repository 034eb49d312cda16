// npm run test:models: the tests of models/, in Python. Makes models/.venv from requirements.txt
// where there is none (about a gigabyte); needs Python ≥ 3.11 with venv, which it says where it lacks.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const venv = resolve("models/.venv");
const venvPython = join(
  venv,
  ...(process.platform === "win32"
    ? ["Scripts", "python.exe"]
    : ["bin", "python"]),
);

const run = (program, ...args) =>
  spawnSync(program, args, { stdio: "inherit", cwd: "models" }).status === 0;

function findPython() {
  const script =
    "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
  return ["python3", "python"].find(
    (name) => spawnSync(name, ["-c", script]).status === 0,
  );
}

function prepare() {
  if (
    existsSync(venvPython) &&
    spawnSync(venvPython, ["-c", "import torch, diffusers, pytest"]).status ===
      0
  )
    return true;
  const python = findPython();
  if (!python) {
    console.error(
      "Cannot test the models as there is no Python ≥ 3.11 with venv: install it (on Debian python3-venv).",
    );
    return false;
  }
  // torch first and alone: with it installed, nothing else asks for the build with CUDA
  const install = (...what) =>
    run(
      venvPython,
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...what,
    );
  return (
    run(python, "-m", "venv", venv) &&
    install("torch==2.13.0") &&
    install("-r", "requirements.txt")
  );
}

process.exitCode =
  prepare() && run(venvPython, "-m", "pytest", "-q", ...process.argv.slice(2))
    ? 0
    : 1;

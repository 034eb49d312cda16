// Options that several commands have: how a model is run.

import { schedulerNames } from "@phaseskip/scheduler";
import { dtypes } from "@phaseskip/runtime/internals";
import { Option } from "commander";
import { numberFrom } from "./option-values.js";

/** `--scheduler NAME` */
export function schedulerOption(): Option {
  return new Option(
    "--scheduler <NAME>",
    "sampler (default: the model's)",
  ).choices([...schedulerNames]);
}

/** `--guidance G` */
export function guidanceOption(): Option {
  return new Option(
    "--guidance <G>",
    "guidance weight, off up to 1 (default: the model's, else\nthat of its class in diffusers)",
  ).argParser(numberFrom(0));
}

/** `--dtype NAME` */
export function dtypeOption(): Option {
  return new Option(
    "--dtype <NAME>",
    "which of a network's files is taken, where there are\nseveral (default: the best that the device runs)",
  ).choices([...dtypes]);
}

/** `--backend NAME` */
export function backendOption(): Option {
  return new Option("--backend <NAME>", "node needs onnxruntime-node")
    .choices(["wasm", "node"])
    .default("wasm");
}

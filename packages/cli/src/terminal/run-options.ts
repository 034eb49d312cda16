// Options that several commands have: how a model is run.

import { schedulerNames } from "@phaseskip/scheduler";
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
    "guidance weight, 1 is off (default: the model's, else 7.5)",
  ).argParser(numberFrom(0));
}

/** `--backend NAME` */
export function backendOption(): Option {
  return new Option("--backend <NAME>", "node needs onnxruntime-node")
    .choices(["wasm", "node"])
    .default("wasm");
}

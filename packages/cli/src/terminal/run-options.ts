// Options that several commands have: how a model is run.

import type { SchedulerChoice, SchedulerName } from "@phaseskip/runtime";
import { dtypes } from "@phaseskip/runtime/internals";
import {
  camelCase,
  parsePythonJson,
  schedulerNames,
} from "@phaseskip/scheduler";
import { InvalidArgumentError, Option } from "commander";
import { numberFrom } from "./option-values.js";

/** `--scheduler NAME` */
export function schedulerOption(): Option {
  return new Option(
    "--scheduler <NAME>",
    "sampler (default: the model's)",
  ).choices([...schedulerNames]);
}

/** `--scheduler-option KEY=VALUE`, any number of them: read by {@link schedulerChoice}. */
export function schedulerOptionsOption(): Option {
  return new Option(
    "--scheduler-option <KEY=VALUE>",
    "an option of the sampler in diffusers' spelling, such\nas use_karras_sigmas=true; may be given several times",
  ).argParser((text: string, before: readonly string[] = []) => {
    if (!/^[a-z]\w*=/.test(text))
      throw new InvalidArgumentError(
        "It must be KEY=VALUE, such as use_karras_sigmas=true.",
      );
    return [...before, text];
  });
}

/**
 * The scheduler that the command line asks for; `undefined` if it asks for none.
 *
 * @param name of `--scheduler`
 * @param options of `--scheduler-option`; values are JSON where they can be, else text
 */
export function schedulerChoice(
  name: SchedulerName | undefined,
  options: readonly string[] = [],
): SchedulerName | SchedulerChoice | undefined {
  if (options.length === 0) return name;
  const entries = options.map((option) => {
    const [, key, value] = /^(\w+)=(.*)$/s.exec(option)!;
    return [camelCase(key!), jsonOrText(value!)] as const;
  });
  return {
    ...(name !== undefined && { name }),
    ...Object.fromEntries(entries),
  };
}

function jsonOrText(text: string): unknown {
  try {
    return parsePythonJson(text.replace(/^(True|False|None)$/, pythonWord));
  } catch {
    return text;
  }
}

function pythonWord(word: string): string {
  return word === "None" ? "null" : word.toLowerCase();
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

/** `--revision REV` */
export function revisionOption(): Option {
  return new Option(
    "--revision <REV>",
    "of a model that is named: branch, tag or commit\n(default: main)",
  );
}

/** `--backend NAME` */
export function backendOption(): Option {
  return new Option("--backend <NAME>", "node needs onnxruntime-node")
    .choices(["wasm", "node"])
    .default("wasm");
}

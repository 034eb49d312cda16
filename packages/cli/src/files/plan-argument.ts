// `--plan FILE|NAME|none`.

import { statSync } from "node:fs";
import { basename } from "node:path";
import { PhaseskipError, type Plan } from "@phaseskip/runtime";
import { parsePlan } from "@phaseskip/runtime/plans";
import { readInput } from "./file.js";

/**
 * What a plan argument stands for: a path that is a file, or ends in `.json`, is a plan file; anything else is the
 * name of a plan that the model ships, or `none`.
 * @returns the plan of the file, under the file's name if it has none; else the name
 * @throws {RangeError} If the file cannot be read.
 * @throws {PhaseskipError} `plan-invalid` If it holds no plan.
 */
export async function planArgument(argument: string): Promise<string | Plan> {
  const isFile =
    statSync(argument, { throwIfNoEntry: false })?.isFile() ?? false;
  if (!isFile && !argument.endsWith(".json")) return argument;
  const text = new TextDecoder().decode(await readInput("the plan", argument));
  const name = basename(argument, ".json");
  return { name, ...parsePlan(parseJson(text, argument)) };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PhaseskipError(
      "plan-invalid",
      `Cannot read the plan ${path} as it must be JSON: ${reason}`,
      { cause },
    );
  }
}

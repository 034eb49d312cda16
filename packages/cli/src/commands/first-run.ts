// `phaseskip` without arguments: a first picture of a model that lies here, and what to do next.

import { resolve } from "node:path";
import type { CommandIo } from "../command-io.js";
import { localModels } from "../files/local-models.js";
import { generate } from "./generate.js";

/**
 * Draws whole and under a plan, if the model here ships one, and says what comes next.
 * @returns false where there is no model here, of which nothing is said
 */
export async function firstRun(io: CommandIo): Promise<boolean> {
  const [model] = await localModels();
  if (!model) return false;
  const { prompt, plans } = model;
  const [plan] = plans;
  const folder = relativePath(model.folder);
  await generate(
    folder,
    {
      ...{ seed: 7, plan: plan ?? "none", backend: "wasm" },
      ...(prompt !== undefined && { prompt: [prompt] }),
      ...(plan !== undefined && { compare: true }),
    },
    io,
  );
  const words = prompt === undefined ? "" : ' --prompt "a snowman at night"';
  const next = [
    ["draw something else", `generate ${folder}${words}`],
    ["see what a plan does", `inspect ${folder} --plan ${plan ?? "FILE"}`],
    ["try it in a browser", "serve"],
    ["everything there is", "--help"],
  ];
  const lines = next.map(
    ([what, command]) => `  ${what!.padEnd(22)}phaseskip ${command}\n`,
  );
  io.stdout.write(`\nNext:\n${lines.join("")}`);
  return true;
}

/** A path as one types it here. */
function relativePath(folder: string): string {
  const here = `${resolve(".")}/`;
  return folder.startsWith(here) ? folder.slice(here.length) : folder;
}

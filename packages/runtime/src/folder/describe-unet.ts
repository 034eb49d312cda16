// A Unet that does not use diffusers' names, under diffusers' names. A file of its own in an app, fetched for such models.

import type { Graph, GraphValue } from "@phaseskip/graph";
import { PhaseskipError, renameInputs } from "@phaseskip/graph";
import type { UnetConstants } from "../inputs/constants.js";
import type { ModelFolder } from "./folder.js";
import type { UnetInputs } from "./input-names.js";
import { diffusersNames, INPUTS_FILE, parseUnetInputs } from "./input-names.js";

/** A Unet under diffusers' names, and what is said of it beside them. */
export interface DescribedUnet {
  /** Its inputs are called as diffusers calls them, and it has the one output that is sampled. */
  readonly graph: Graph;
  /** Values of inputs that diffusers does not know. */
  readonly constants: UnetConstants;
  /** Where EDM's preconditioning is done. */
  readonly preconditioning: "inside" | "outside";
}

/**
 * Puts together what a call and the file beside the Unet say of its inputs, the call's word before the file's.
 *
 * @param path of the Unet's file
 * @param given what the call says
 * @param isKnown whether an input is one that runs fill without being told how
 * @throws {TypeError | RangeError} If what the call says is wrong
 * @throws {PhaseskipError} `model-invalid` If the file is; `model-unsupported` If inputs are left of which nothing is said
 */
export async function describeUnet(
  folder: ModelFolder,
  path: string,
  graph: Graph,
  given: UnetInputs | undefined,
  isKnown: (input: string) => boolean,
  signal?: AbortSignal,
): Promise<DescribedUnet> {
  const at = `Cannot load the model at ${folder.location} as`;
  const beside = path.slice(0, path.lastIndexOf("/") + 1) + INPUTS_FILE;
  const inFile = (wanted: string, found: unknown) =>
    new PhaseskipError(
      "model-invalid",
      `${at} its ${beside} is wrong: ${wanted}; current value is ${JSON.stringify(found)}`,
    );
  const inCall = (wanted: string, found: unknown) =>
    new RangeError(
      `${at} ${wanted}: current value is ${JSON.stringify(found)}`,
    );
  const read = await folder.json(beside, signal, { optional: true });
  const file = read === undefined ? {} : parseUnetInputs(read, inFile);
  checkNames(file, graph, inFile);
  checkNames(given ?? {}, graph, inCall);
  const said = { ...file, ...given };
  // what a call gives a name to is no constant of the file's any more
  const kept = Object.entries(file.constants ?? {}).filter(
    ([name]) => !Object.values(given ?? {}).includes(name),
  );
  const constants = { ...Object.fromEntries(kept), ...given?.constants };
  const names = new Map(
    Object.entries(diffusersNames).flatMap(([option, name]) => {
      const own = said[option as keyof typeof diffusersNames];
      return own === undefined ? [] : [[own, name] as const];
    }),
  );
  const renamed = renameInputs(graph, names, said.output);
  const left = renamed.inputs.filter(
    ({ name }) => !(name in constants) && !isKnown(name),
  );
  const has = (wanted: string) =>
    renamed.inputs.some(({ name }) => name === wanted);
  if (left.length > 0 || !has("sample") || !has("timestep"))
    throw new PhaseskipError(
      "model-unsupported",
      `${at} ${unsaid(graph, left, said, constants)}`,
    );
  const { preconditioning = "outside" } = said;
  return { graph: renamed, constants, preconditioning };
}

/** Whatever is named must be there, and a name stands for one thing. */
function checkNames(
  said: UnetInputs,
  { inputs, outputs }: Graph,
  fail: (wanted: string, found: unknown) => Error,
): void {
  const list = (values: readonly GraphValue[]) =>
    values.map(({ name }) => name).join(", ");
  const has = (values: readonly GraphValue[], wanted: unknown) =>
    values.some(({ name }) => name === wanted);
  const named = [
    ...Object.keys(diffusersNames).flatMap((option) => {
      const name = said[option as keyof typeof diffusersNames];
      return name === undefined ? [] : [[`inputs.${option}`, name] as const];
    }),
    ...Object.keys(said.constants ?? {}).map(
      (name) => ["inputs.constants", name] as const,
    ),
  ];
  for (const [i, [option, name]] of named.entries()) {
    if (!has(inputs, name))
      throw fail(
        `${option} must name an input of the Unet, which has ${list(inputs)}`,
        name,
      );
    const twin = named.slice(0, i).find(([, other]) => other === name);
    if (twin)
      throw fail(`${option} must name another input than ${twin[0]}`, name);
  }
  if (said.output !== undefined && !has(outputs, said.output))
    throw fail(
      `inputs.output must name an output of the Unet, which has ${list(outputs)}`,
      said.output,
    );
}

/** What is not said of the inputs, and how to say it. */
function unsaid(
  graph: Graph,
  left: readonly GraphValue[],
  said: UnetInputs,
  constants: UnetConstants,
): string {
  const inputs = graph.inputs.map(({ name }) => name);
  const guess = guessed(graph, said, constants);
  const names = left.map(({ name }) => name);
  const { sample, timestep, constants: held = {} } = guess;
  const isWhole = names.length === Object.keys(held).length;
  const problem = isWhole
    ? `nothing says what its Unet's ${plural("input", names)} ${names.join(", ")} ${names.length > 1 ? "hold" : "holds"}`
    : `its Unet must say which of its inputs is the sample and which the timestep: it has ${inputs.join(", ") || "none"}`;
  const options = [
    ...(sample === undefined ? [] : [`--input sample=${sample}`]),
    ...(timestep === undefined ? [] : [`--input timestep=${timestep}`]),
    ...Object.entries(held).map(([name]) => `--constant ${name}=0`),
  ];
  return `${problem}; say it as inputs: ${written(guess)} when loading, as ${options.join(" ")} on the command line, or in a file ${INPUTS_FILE} beside the Unet, with the numbers that the model was trained for in place of the zeros`;
}

/** What the inputs may be: one of four dimensions is the sample, the first that sounds like it the timestep. */
function guessed(
  { inputs }: Graph,
  said: UnetInputs,
  constants: UnetConstants,
): UnetInputs {
  const isFree = ({ name }: GraphValue) =>
    !(name in constants) &&
    !Object.keys(diffusersNames).some(
      (option) => said[option as keyof typeof diffusersNames] === name,
    );
  const known = new Set<string>(Object.values(diffusersNames));
  const names = inputs.map(({ name }) => name);
  const sample =
    said.sample ??
    (names.includes("sample")
      ? undefined
      : inputs.find((one) => isFree(one) && one.dims?.length === 4)?.name);
  const timestep =
    said.timestep ??
    (names.includes("timestep")
      ? undefined
      : inputs.find(
          (one) =>
            isFree(one) &&
            (one.dims?.length ?? 0) < 2 &&
            /sigma|time|noise|step|^t$|^ts$/i.test(one.name),
        )?.name);
  const others = names.filter(
    (name) =>
      name !== sample &&
      name !== timestep &&
      !known.has(name) &&
      isFree(inputs.find((one) => one.name === name)!),
  );
  return {
    ...(sample !== undefined && { sample }),
    ...(timestep !== undefined && { timestep }),
    ...(others.length > 0 && {
      constants: Object.fromEntries(others.map((name) => [name, 0])),
    }),
  };
}

/** As TypeScript writes it: `{ sample: "noisy", constants: { difficulty: 0 } }`. */
function written(value: object): string {
  const parts = Object.entries(value).map(([key, held]) => {
    const name = /^[a-z_$][\w$]*$/i.test(key) ? key : JSON.stringify(key);
    const text =
      typeof held === "object" ? written(held as object) : JSON.stringify(held);
    return `${name}: ${text}`;
  });
  return `{ ${parts.join(", ")} }`;
}

const plural = (word: string, list: readonly unknown[]) =>
  list.length > 1 ? `${word}s` : word;

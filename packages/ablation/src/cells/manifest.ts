// `manifest.json`: what was measured, on what. Two sweeps whose identities agree measure the same cells with the
// same numbers; everything else about a machine is told apart from it.

import { wrongAt } from "./form.js";
import { manifestForm } from "./row-forms.js";
import type { WindowKind } from "./windows.js";

/** What a sweep asks for; the same for all its shards. */
export interface SweepSettings {
  /** The sampler's short name. */
  readonly scheduler: string;
  /** Its options, `key=value` in diffusers' spelling. @default those of the model's own file */
  readonly schedulerOptions?: readonly string[];
  /** Steps of the sampler's grid. */
  readonly numInferenceSteps: number;
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** Unit patterns, as in plans; skips match those that end in `.skip`. */
  readonly units: readonly string[];
  /** Bins of the grid, the last step's included. */
  readonly bins: number;
  /** Kinds of windows. */
  readonly windows: readonly WindowKind[];
  /** Names of actions, as the command takes them. */
  readonly actions: readonly string[];
  /** Texts; null for a model that takes none. */
  readonly prompts: readonly string[] | null;
  /** Seeds per prompt, from `seed` on. */
  readonly seeds: number;
  /** The first seed. */
  readonly seed: number;
  /** Random directions of the sampler's response in each window. */
  readonly directions: number;
  /** Steps of the converged path, by DDIM without noise; 0 where there is none. */
  readonly converged: number;
  /** The device of the second full run; null where there is none. */
  readonly floorBackend: string | null;
}

/** What decides the numbers beside the settings. */
export interface SweepIdentity {
  /** The Unet's digest, as plans know a model by it: `sha256:` and 64 digits. */
  readonly model: string;
  /** The plan language's version. */
  readonly planLanguage: string;
  /** The build of ONNX Runtime: package, version, backend. */
  readonly onnxRuntime: string;
}

/** A prompt and a seed. */
export interface Pair {
  /** Index into the prompts; 0 for a model that takes none. */
  readonly prompt: number;
  /** Seed of the initial noise and of the steps' noise. */
  readonly seed: number;
}

/** The file's contents. */
export interface SweepManifest {
  /** Tells it from other JSON. */
  readonly format: "phaseskip-sweep";
  /** The format's version. */
  readonly version: 1;
  /** What was asked for. */
  readonly settings: SweepSettings;
  /** What decides the numbers. */
  readonly identity: SweepIdentity;
  /** The sampler's grid, noisiest first. */
  readonly timesteps: readonly number[];
  /** At each step: `log(ᾱ / (1 − ᾱ))`, the logarithm of the ratio of the signal's and the noise's variance. */
  readonly logSnr: readonly number[];
  /** Prompts × seeds: all seeds of the first prompt, then of the next. */
  readonly pairs: readonly Pair[];
  /** The parts of the model that are measured, in the order of the Unet. */
  readonly measured: readonly MeasuredUnit[];
  /** Names of the rows that this folder holds once it is whole, sorted. */
  readonly rows: readonly string[];
  /** Part of the sweep that this folder holds; `{ index: 0, count: 1 }` is all of it. */
  readonly shard: Shard;
  /** Vector extensions of the processor, sorted; different ones may round differently. */
  readonly cpu: string;
  /** After a merge of other CPUs: the largest relative difference that was let pass. */
  readonly tolerance?: number;
}

/** What a measured part of a model is. */
export type UnitKind =
  /** `down_blocks.1`, `mid_block`, `up_blocks.2`. */
  | "block"
  /** A block and the skips that it feeds. */
  | "blockWithSkips"
  /** Any other module. */
  | "unit"
  /** An up- or downsampler. */
  | "sampler"
  /** One skip connection. */
  | "skip"
  /** All skip connections of a level, or of the model. */
  | "skips";

/** A measured part of a model, as reports draw it. */
export interface MeasuredUnit {
  /** As in `Cell.unit`. */
  readonly unit: string;
  /** What it is. */
  readonly kind: UnitKind;
  /** For a skip: the unit, as deep as possible, that makes what it hands over. */
  readonly source?: string;
}

/** One of several parts of a sweep. */
export interface Shard {
  /** From 0. */
  readonly index: number;
  /** At least 1. */
  readonly count: number;
}

/**
 * Reads a manifest.
 *
 * @param text the file's contents
 * @param file its name, for messages
 * @throws {TypeError} If it is none, of a version that is not known, or a field is not what it must be.
 */
export function parseManifest(text: string, file: string): SweepManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`Cannot read ${file} as it must be JSON`, { cause });
  }
  const found = value as Partial<SweepManifest> | null;
  if (found?.format === "phaseskip-sweep" && found.version === 1) {
    const wrong = wrongAt(found, manifestForm);
    if (wrong === undefined) return found as SweepManifest;
    throw new TypeError(`Cannot read ${file} as ${wrong}`);
  }
  throw new TypeError(
    `Cannot read ${file} as it must be a sweep's manifest, "phaseskip-sweep" of version 1: it is of another format or version`,
  );
}

/**
 * How two sweeps' numbers would differ; undefined where they would not.
 *
 * @param shards whether they may be different shards, or processors
 */
export function differenceOf(
  a: SweepManifest,
  b: SweepManifest,
  { shards }: { readonly shards: boolean },
): string | undefined {
  const names: Record<keyof SweepIdentity, string> = {
    model: "the model's hash",
    planLanguage: "the plan language's version",
    onnxRuntime: "ONNX Runtime's build",
  };
  for (const [key, name] of Object.entries(names)) {
    const [one, other] = [a, b].map(
      ({ identity }) => identity[key as keyof SweepIdentity],
    );
    if (one !== other) return `${name}: ${one} and ${other}`;
  }
  const keys = new Set([
    ...Object.keys(a.settings),
    ...Object.keys(b.settings),
  ]);
  for (const key of keys as Set<keyof SweepSettings>) {
    const [one, other] = [a, b].map(({ settings }) =>
      JSON.stringify(settings[key]),
    );
    if (one !== other) return `the setting ${key}: ${one} and ${other}`;
  }
  if (shards) return undefined;
  if (JSON.stringify(a.shard) !== JSON.stringify(b.shard))
    return `the shard: ${shardName(a.shard)} and ${shardName(b.shard)}`;
  return a.cpu === b.cpu ? undefined : "the processor's vector extensions";
}

/** A shard as the command takes it: `0/4`. */
export function shardName({ index, count }: Shard): string {
  return `${index}/${count}`;
}

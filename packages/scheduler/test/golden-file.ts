// Reads the golden files that models/golden_schedulers.py wrote.

import { readFileSync } from "node:fs";

import { parseSchedulerConfig } from "@phaseskip/scheduler";
import type { SchedulerConfig, SchedulerName } from "@phaseskip/scheduler";

/** One run of one sampler. */
export interface GoldenRun {
  readonly name: string;
  readonly config: SchedulerConfig;
  readonly steps: number | null;
  readonly timesteps?: readonly number[];
  readonly eta?: number;
  readonly seed?: number;
  readonly shape?: readonly number[];
  readonly strength?: number;
  /** Keys of the configuration that can be left out without a change. */
  readonly inert: readonly string[];
  readonly timestepsOut: readonly number[];
  readonly startIndex: number;
  readonly initNoiseSigma: number;
  readonly needsNoise: readonly boolean[];
  readonly addNoise: { readonly timestep: number; readonly noisy: string };
  readonly prevSamples: string;
  readonly predOriginalSamples: string;
  readonly sigmas?: string;
  /** As in {@link GoldenModelRun}. */
  readonly apart?: number;
  /** `dpmpp-sde`: what diffusers drew from its Brownian path, step after step. */
  readonly noises?: string;
}

/** A noise schedule. */
export interface GoldenSchedule {
  readonly config: SchedulerConfig;
  readonly alphasCumprod: string;
}

/** Draws from one generator, one after another. */
export interface GoldenNoise {
  readonly seed: number;
  readonly counts: readonly number[];
  readonly values: string;
}

/** Increments of one Brownian path. */
export interface GoldenPath {
  readonly seed: number;
  readonly start: number;
  readonly end: number;
  readonly length: number;
  readonly spans: readonly (readonly [from: number, to: number])[];
  readonly values: string;
}

/** What a class's configuration knows. */
export interface GoldenOptions {
  readonly name: SchedulerName;
  readonly keys: readonly string[];
}

/** One run of a sampler under a model's own file: arrays, or how diffusers fails. */
export interface GoldenModelRun {
  readonly steps: number;
  readonly failure?: string;
  readonly timesteps?: string;
  readonly sigmas?: string;
  readonly prevSamples?: string;
  readonly noises?: string;
  /** How far PyTorch's own numbers are from these, of a step's largest, where they are its exactly rounded ones. */
  readonly apart?: number;
}

interface GoldenFiles extends Record<SchedulerName, GoldenRun> {
  readonly schedules: GoldenSchedule;
  readonly noise: GoldenNoise;
  readonly brownian: GoldenPath;
  readonly options: GoldenOptions;
}

/** The entries of `golden/NAME.json`. */
export function golden<Name extends keyof GoldenFiles>(
  name: Name,
): readonly GoldenFiles[Name][] {
  return entries(name) as readonly GoldenFiles[Name][];
}

/** What `golden/models/NAME.json` holds, by the model's file. */
export function modelRuns(name: SchedulerName) {
  return entries(`models/${name}`) as readonly {
    readonly file: string;
    readonly runs: readonly GoldenModelRun[];
  }[];
}

function entries(name: string): unknown {
  const address = new URL(`golden/${name}.json`, import.meta.url);
  return parseSchedulerConfig(readFileSync(address, "utf8"))["entries"];
}

/** Float32 values from base64. */
export function unpacked(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(
    Uint8Array.from(Buffer.from(base64, "base64")).buffer,
  );
}

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

interface GoldenFiles extends Record<SchedulerName, GoldenRun> {
  readonly schedules: GoldenSchedule;
  readonly noise: GoldenNoise;
}

/** The entries of `golden/NAME.json`. */
export function golden<Name extends keyof GoldenFiles>(
  name: Name,
): readonly GoldenFiles[Name][] {
  const text = readFileSync(
    new URL(`golden/${name}.json`, import.meta.url),
    "utf8",
  );
  return parseSchedulerConfig(text)["entries"] as readonly GoldenFiles[Name][];
}

/** Float32 values from base64. */
export function unpacked(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(
    Uint8Array.from(Buffer.from(base64, "base64")).buffer,
  );
}

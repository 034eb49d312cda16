// What units hand on, on average: measured over calibration runs, put in place by the action `mean`.

import type { Unet } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { Plan } from "./plan.js";

/** Means per channel of units' outputs, by timestep. */
export interface ChannelMeans {
  /** The timesteps at which they were measured, in any order. */
  readonly timesteps: readonly number[];
  /** By a unit's path: for each of its outputs, in their order, `[timestep, channel]`. */
  readonly units: Readonly<Record<string, readonly Float32Array[]>>;
}

/** Whether a value has the form of means per channel. */
export function isChannelMeans(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { timesteps, units } = value as Partial<Record<string, unknown>>;
  return (
    Array.isArray(timesteps) &&
    timesteps.every(Number.isFinite) &&
    typeof units === "object" &&
    units !== null &&
    Object.values(units).every(
      (outputs) =>
        Array.isArray(outputs) &&
        outputs.every((output) => output instanceof Float32Array),
    )
  );
}

/** Channels that fractions of their number stand for: from, inclusive, to, exclusive, rounded down. */
export function channelRange(
  [from, to]: readonly [number, number],
  count: number,
): [from: number, to: number] {
  // a fraction of the channels may miss a whole number by rounding
  const index = (end: number) => Math.floor(end * count + 1e-9);
  return [index(from), index(to)];
}

/** Which axis holds the channels: the last of `[batch, token, channel]`, else the one behind the batch. */
export function channelAxis(rank: number): number {
  return rank === 3 ? 2 : 1;
}

/** The index of the timestep that is nearest; the larger of two as near. */
export function nearestTimestep(
  { timesteps }: ChannelMeans,
  timestep: number,
): number {
  return timesteps.reduce((best, t, i) => {
    const nearer =
      Math.abs(t - timestep) - Math.abs(timesteps[best]! - timestep);
    return nearer < 0 || (nearer === 0 && t > timesteps[best]!) ? i : best;
  }, 0);
}

/**
 * Checks that a plan's means are there and fit the Unet.
 * @throws {PhaseskipError} `plan-invalid` if they do not
 */
export function checkMeans(
  { units, shapes }: Unet,
  plan: Plan,
  matching: ReadonlyMap<string, readonly number[]>,
  means: ChannelMeans | undefined,
): void {
  for (const [path, rules] of matching) {
    const index = rules.find((rule) => plan.rules[rule]!.action === "mean");
    if (index === undefined) continue;
    const fail = (what: string) =>
      new PhaseskipError(
        "plan-invalid",
        `Cannot run the plan as rules[${index}] puts means in place of ${path}, ${what}`,
      );
    if (!means)
      throw fail("which the run must be given as the option means: none are");
    const { outputs } = units.units.get(path)!;
    const given = means.units[path];
    if (!given)
      throw fail(
        `which the means must hold: they hold ${Object.keys(means.units).length} other units`,
      );
    const lengths = outputs.map((value) => {
      const { dims } = shapes.get(value)!;
      return means.timesteps.length * (dims[channelAxis(dims.length)] ?? 1);
    });
    const found = given.map(({ length }) => length);
    if (means.timesteps.length === 0 || String(found) !== String(lengths))
      throw fail(
        `whose means must have [${lengths.join(", ")}] values by output, one for each timestep and channel: they have [${found.join(", ")}]`,
      );
  }
}

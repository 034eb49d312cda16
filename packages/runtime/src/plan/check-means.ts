// Whether means per channel are such, and fit a plan and its Unet.

import type { Unet } from "@phaseskip/graph";
import { PhaseskipError } from "@phaseskip/graph";
import type { ChannelMeans } from "./channel-means.js";
import { channelAxis } from "./channel-means.js";
import type { Plan } from "./plan.js";

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

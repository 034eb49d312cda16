// From what is asked for to the rows to measure.

import type { Study } from "@phaseskip/runtime/internals";
import type { Scheduler } from "@phaseskip/scheduler";
import { cellRules } from "./cells.js";
import type {
  MeasuredUnit,
  Pair,
  Shard,
  SweepManifest,
  SweepSettings,
} from "./manifest.js";
import type { CellKind } from "./targets.js";
import { actionsOf, findTargets } from "./targets.js";
import { layOutWork, rowsOf, shardItems } from "./work.js";
import type { WorkItem } from "./work.js";
import { equalBins, sweepWindows } from "./windows.js";

/** A sweep before its first run. */
export interface SweepLayout {
  /** Everything, other shards' items too. */
  readonly items: readonly WorkItem[];
  /** This shard's items. */
  readonly mine: readonly WorkItem[];
  /** All but what the machine says of itself. */
  readonly manifest: Omit<SweepManifest, "cpu">;
  /** What was asked for and cannot be, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Lays a sweep out on a model. What an action cannot do to a part is left out: a bypass where shapes differ, a
 * residual where there is no shortcut.
 *
 * @throws {RangeError} If a pattern matches no unit, there are more bins than steps, a name is no action, the
 * converged path has one step, or nothing is left to measure
 */
export async function layOutSweep(
  study: Study,
  settings: SweepSettings,
  shard: Shard,
): Promise<SweepLayout> {
  const { timesteps, timestepRange } = study.scheduler;
  if (settings.converged === 1) {
    throw new RangeError(
      "Cannot lay out the sweep as the converged path must have at least 2 steps, or 0 for none: current value is 1",
    );
  }
  const bins = equalBins(timesteps.length, settings.bins);
  const windows = sweepWindows(
    timesteps,
    bins,
    settings.windows,
    timestepRange[1],
  );
  const targets = findTargets(study.units(), study.match(settings.units));
  const notes: string[] = [];
  const kinds: CellKind[] = [];
  const measured: MeasuredUnit[] = [];
  for (const target of targets) {
    const { unit, kind, source } = target;
    const wanted = actionsOf(target, settings.actions);
    const possible = wanted.filter((one) => {
      const refusal = study.refusal(cellRules(one));
      if (refusal !== undefined)
        notes.push(`${unit} is not measured under ${one.action}: ${refusal}`);
      return refusal === undefined;
    });
    if (possible.length === 0) continue;
    kinds.push(...possible);
    measured.push({ unit, kind, ...(source !== undefined && { source }) });
  }
  if (kinds.length === 0) {
    throw new RangeError(
      `Cannot lay out the sweep as at least one unit must allow one of the actions ${settings.actions.join(", ")}: ${notes[0] ?? `none of ${targets.length} does`}`,
    );
  }
  const items = layOutWork(kinds, windows, {
    directions: settings.directions,
    floors: ["noise", ...(settings.floorBackend ? ["backend" as const] : [])],
    // one decoding a step would cost more than the full run
    emergence: !study.hasVae,
  });
  const pairs = pairsOf(settings);
  const mine = shardItems(items, shard, timesteps.length);
  const manifest = {
    format: "phaseskip-sweep",
    version: 1,
    settings,
    identity: {
      model: await study.digest(),
      planLanguage: study.planLanguage,
      onnxRuntime: study.onnxRuntime,
    },
    timesteps,
    logSnr: timesteps.map((_, step) => logSnrAt(study.scheduler, step)),
    pairs,
    measured,
    rows: mine.flatMap((item) => rowsOf(item, pairs.length)).sort(),
    shard,
  } as const;
  return { items, mine, manifest, notes };
}

/** All seeds of the first prompt, then of the next. */
function pairsOf({ prompts, seeds, seed }: SweepSettings): Pair[] {
  return (prompts ?? [""]).flatMap((_, prompt) =>
    Array.from({ length: seeds }, (_, i) => ({ prompt, seed: seed + i })),
  );
}

/** `log(ᾱ / (1 − ᾱ))` at a step; between two training timesteps linear in the logarithm. */
function logSnrAt(
  { timesteps, alphasCumprod, sigmas }: Scheduler,
  step: number,
): number {
  const sigma = sigmas?.[step];
  if (sigma !== undefined) return -2 * Math.log(sigma);
  const timestep = Math.min(timesteps[step]!, alphasCumprod.length - 1);
  const at = (index: number) => {
    const alpha = alphasCumprod[index]!;
    return Math.log(alpha / (1 - alpha));
  };
  const [below, above] = [Math.floor(timestep), Math.ceil(timestep)];
  if (below === above) return at(below);
  return at(below) + (timestep - below) * (at(above) - at(below));
}

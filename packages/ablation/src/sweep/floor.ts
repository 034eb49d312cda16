// The floor under all effects: what changes although nothing of the model does.

import type { Study, StudyDraw } from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import type { FloorRow } from "../cells/cells.js";
import type { Pair } from "../cells/manifest.js";
import type { Subject } from "./measure.js";
import type { Reference } from "./reference.js";

/** Relative size of the change of the initial sample that should not matter. */
const floorNoise = 1e-4;

/** What the floor is measured with. */
export interface FloorParts {
  /** Opens the same model on another build of ONNX Runtime. */
  readonly openOther?: () => Promise<Study>;
  /** What a pair draws. */
  readonly drawOf: (pair: Pair) => StudyDraw;
}

/** The full run of every pair again, changed in a way that should not matter. */
export async function measureFloor(
  { openOther, drawOf }: FloorParts,
  source: FloorRow["source"],
  subjects: readonly Subject[],
): Promise<FloorRow> {
  const effects: FloorRow["effects"][number][] = [];
  const other = source === "backend" ? await openOther!() : undefined;
  try {
    await other?.prepare([]);
    for (const { index, pair, reference } of subjects) {
      const sample = other
        ? await finalSample(other, drawOf(pair))
        : await nudged(reference, pair);
      const { ssim, relativeL2 } = await reference.compare(sample);
      effects.push({ pair: index, ssim, relativeL2 });
    }
    return { floor: `floor/${source}`, source, effects };
  } finally {
    await other?.dispose();
  }
}

async function finalSample(study: Study, draw: StudyDraw) {
  const run = await study.begin(draw);
  try {
    const end = await run.advance(
      run.start(),
      study.scheduler.timesteps.length,
    );
    return end.sample;
  } finally {
    run.dispose();
  }
}

/** The full run again, from an initial sample with a little noise of another seed. */
async function nudged({ run, points }: Reference, { seed }: Pair) {
  const start = points[0]!;
  const noise = generator(seed + 2 ** 31).randn(start.sample.length);
  const norm = (values: Float32Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const size = (floorNoise * norm(start.sample)) / norm(noise);
  const sample = start.sample.map((value, i) => value + size * noise[i]!);
  const end = await run.advance({ ...start, sample }, points.length - 1);
  return end.sample;
}

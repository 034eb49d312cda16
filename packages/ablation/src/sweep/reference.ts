// The full run of one pair: what everything else is compared with, and every place from which it can go on.

import type { Picture } from "@phaseskip/metrics";
import {
  clippedShare,
  lowPassSsim,
  relativeL2,
  ssim,
} from "@phaseskip/metrics";
import type {
  MeansCollector,
  RestartPoint,
  Study,
  StudyDraw,
  StudyRun,
} from "@phaseskip/runtime/internals";
import { generator } from "@phaseskip/scheduler";
import type { EmergenceRow, EndEffect } from "../cells/cells.js";

/** Random vectors that a final sample is projected on. */
const projectionCount = 16;

/** A final sample, measured against the full run's. */
export interface FinalEffect {
  /** SSIM of the pictures. */
  readonly ssim: number;
  /** Relative L2 change of the samples. */
  readonly relativeL2: number;
  /** Share of the sample's values outside `[-1, 1]`. */
  readonly clippedShare: number;
  /** Against the converged path; null where there is none. */
  readonly toConverged: EndEffect | null;
  /** The picture. */
  readonly picture: Picture;
}

/** Where a run ends. */
export interface PathEnd {
  /** The final sample, before a VAE. */
  readonly sample: Float32Array<ArrayBuffer>;
  /** The final picture. */
  readonly picture: Picture;
}

/** The full run of one pair; the run stays open for others that go on from its points. */
export class Reference {
  /** Of this pair; its streams serve all trajectories that start here. */
  readonly run: StudyRun;
  /** Before each step, and after the last. */
  readonly points: readonly RestartPoint[];
  /** The guided output at each step. */
  readonly outputs: readonly Float32Array<ArrayBuffer>[];
  /** The final picture. */
  readonly picture: Picture;
  /** The end of the converged path from the same noise, once it is known. */
  converged: PathEnd | undefined;
  readonly #study: Study;

  private constructor(
    parts: Pick<Reference, "run" | "points" | "outputs" | "picture">,
    study: Study,
  ) {
    this.run = parts.run;
    this.points = parts.points;
    this.outputs = parts.outputs;
    this.picture = parts.picture;
    this.#study = study;
  }

  /**
   * Runs the whole model.
   *
   * @param onStep after each step, with the time of the Unet's call in ms
   * @param collect takes the means of units' outputs
   * @throws {PhaseskipError} `inference-failed` if the Unet's output is not finite
   */
  static async measure(
    study: Study,
    draw: StudyDraw,
    onStep: (milliseconds: number) => void = () => undefined,
    collect?: MeansCollector,
  ): Promise<Reference> {
    const run = await study.begin(draw);
    try {
      const points: RestartPoint[] = [];
      const outputs: Float32Array<ArrayBuffer>[] = [];
      const end = await run.advance(
        run.start(),
        study.scheduler.timesteps.length,
        {
          ...(collect && { collect }),
          onStep: ({ before, modelOutput, milliseconds }) => {
            points.push(before);
            outputs.push(modelOutput);
            onStep(milliseconds);
          },
        },
      );
      const picture = await study.picture(end.sample);
      return new Reference(
        { run, points: [...points, end], outputs, picture },
        study,
      );
    } catch (error) {
      run.dispose();
      throw error;
    }
  }

  /** The final sample, before a VAE. */
  get sample(): Float32Array<ArrayBuffer> {
    return this.points.at(-1)!.sample;
  }

  /** Measures another final sample of the same pair. */
  async compare(sample: Float32Array<ArrayBuffer>): Promise<FinalEffect> {
    const picture = await this.#study.picture(sample);
    return {
      ssim: ssim(picture, this.picture),
      relativeL2: relativeL2(sample, this.sample),
      clippedShare: clippedShare(sample),
      toConverged: this.converged
        ? endEffect({ sample, picture }, this.converged)
        : null,
      picture,
    };
  }

  /** The final sample in a few numbers. */
  projections(): number[] {
    return Array.from({ length: projectionCount }, (_, k) => {
      const vector = generator(k).randn(this.sample.length);
      return this.sample.reduce((sum, value, i) => sum + value * vector[i]!, 0);
    });
  }

  /** At each step, how near the predicted clean picture's composition is to the final one's. */
  async emergence(): Promise<EmergenceRow["lowPassSsim"]> {
    const similarities: number[] = [];
    for (const { predOriginalSample } of this.points.slice(1)) {
      const predicted = await this.#study.picture(predOriginalSample);
      similarities.push(lowPassSsim(predicted, this.picture));
    }
    return similarities;
  }
}

/** How far one end is from another. */
export function endEffect(end: PathEnd, other: PathEnd): EndEffect {
  return {
    ssim: ssim(end.picture, other.picture),
    relativeL2: relativeL2(end.sample, other.sample),
  };
}

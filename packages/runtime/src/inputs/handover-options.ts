// What a caller says of a picture that one model begins and another one finishes, checked once: a mixture of denoisers,
// as Stable Diffusion XL's base and refiner are.

import type { Embeddings } from "../prompt/text-options.js";
import { shownValue } from "../prompt/shown-value.js";

/** Where a run stops, and where the next one goes on. */
export interface HandoverOptions {
  /**
   * Above 0 and below 1: the part of the training's timesteps after which the run stops; its `sample` still has the noise
   * that is left, and its picture shows that. @default the whole way
   */
  readonly denoisingEnd?: number;
  /**
   * Above 0 and below 1: the part of the training's timesteps that another model has done; the run goes on from its
   * `latents`, or from an `image` that is taken as it is. In place of `strength`.
   */
  readonly denoisingStart?: number;
  /**
   * A sample to start from in place of `image`, one for each picture or one for all, `[picture, channel, height, width]`:
   * `{ data: sample, shape: sampleShape }` of what `generate` returned. With `denoisingStart` it has its noise already;
   * without, it is clean, and gets as much as `strength` says.
   */
  readonly latents?: Embeddings;
}

/** The same, known to be well formed. */
export type HandoverRequest = {
  readonly [K in keyof HandoverOptions]-?: HandoverOptions[K] | undefined;
};

/** The names of these options. */
export const handoverFields = [
  ...["denoisingEnd", "denoisingStart", "latents"],
] as const satisfies readonly (keyof HandoverOptions)[];

/**
 * Checks where a run starts and stops.
 * @param options what is given beside it, too
 * @param doing what is being attempted, for messages
 * @throws {TypeError} If an option has the wrong type, or does not go with another
 * @throws {RangeError} If a value is out of range
 */
export function parseHandover(
  options: HandoverOptions & {
    readonly image?: unknown;
    readonly mask?: unknown;
    readonly strength?: unknown;
    readonly initNoise?: unknown;
  },
  doing: string,
): HandoverRequest {
  const cannot = (reason: string) => `Cannot ${doing} as ${reason}`;
  const part = (name: "denoisingEnd" | "denoisingStart") => {
    const value: unknown = options[name];
    if (value === undefined) return undefined;
    const message = `${name} must be above 0 and below 1: current value is ${shownValue(value)}`;
    if (typeof value !== "number") throw new TypeError(cannot(message));
    if (!(value > 0 && value < 1)) throw new RangeError(cannot(message));
    return value;
  };
  const { image, mask, latents } = options;
  if (latents !== undefined) checkLatents(latents, cannot);
  if (latents !== undefined && image !== undefined)
    throw new TypeError(
      cannot("latents take the place of image: leave one of them out"),
    );
  const denoisingEnd = part("denoisingEnd");
  const denoisingStart = part("denoisingStart");
  if (denoisingStart !== undefined) {
    if (latents === undefined && image === undefined)
      throw new TypeError(
        cannot(
          "denoisingStart needs a sample to go on from: latents are missing",
        ),
      );
    if (options.strength !== undefined)
      throw new TypeError(
        cannot(
          "denoisingStart takes the place of strength: leave one of them out",
        ),
      );
    if (options.initNoise !== undefined && mask === undefined)
      throw new TypeError(
        cannot(
          "initNoise says nothing beside denoisingStart, which adds no noise: leave one of them out",
        ),
      );
    if (denoisingStart >= (denoisingEnd ?? 1))
      throw new RangeError(
        cannot(
          `denoisingStart must be below denoisingEnd, ${denoisingEnd}: current value is ${denoisingStart}`,
        ),
      );
  }
  return { denoisingEnd, denoisingStart, latents };
}

function checkLatents(
  value: unknown,
  cannot: (reason: string) => string,
): void {
  const { data, shape } = (value ?? {}) as Partial<Embeddings>;
  const isShape =
    Array.isArray(shape) &&
    shape.length === 4 &&
    shape.every((size) => Number.isSafeInteger(size) && size > 0);
  const sides = isShape ? (shape as readonly number[]) : [NaN];
  const numbers = sides.reduce((all, one) => all * one, 1);
  if (data instanceof Float32Array && data.length === numbers) return;
  const found = !(data instanceof Float32Array)
    ? `its data is ${shownValue(data)}`
    : isShape
      ? `its data holds ${data.length} numbers, its shape [${shape.join(", ")}] ${numbers}`
      : `its shape is ${shownValue(shape)}`;
  throw new TypeError(
    cannot(
      `latents must be { data, shape }, a Float32Array and its [picture, channel, height, width]: ${found}`,
    ),
  );
}

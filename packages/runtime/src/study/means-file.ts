// Means as a file beside a study: JSON, one array of numbers for each output of a unit.

import type { ChannelMeans } from "../plan/channel-means.js";

/**
 * Means as the text of a file:
 * `{ "format": "phaseskip-means", "version": 1, "timesteps": […], "units": { path: [[…], …] } }`, the arrays
 * `[timestep, channel]` row-major.
 */
export function formatMeans({ timesteps, units }: ChannelMeans): string {
  const arrays = Object.entries(units).map(([path, outputs]) => [
    path,
    outputs.map((values) => Array.from(values)),
  ]);
  const contents = {
    format: "phaseskip-means",
    version: 1,
    timesteps,
    units: Object.fromEntries(arrays) as Record<string, number[][]>,
  };
  return `${JSON.stringify(contents)}\n`;
}

/**
 * Reads what {@link formatMeans} wrote.
 *
 * @param text the file's contents
 * @param file its name, for messages
 * @throws {TypeError} If it holds no means
 */
export function parseMeans(text: string, file: string): ChannelMeans {
  const fail = (found: string, cause?: unknown) =>
    new TypeError(
      `Cannot read ${file} as it must hold means, "phaseskip-means" of version 1: ${found}`,
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fail("it is no JSON", cause);
  }
  const { format, version, timesteps, units } = (value ?? {}) as Partial<
    Record<string, unknown>
  >;
  if (format !== "phaseskip-means" || version !== 1)
    throw fail("it is of another format or version");
  if (!isNumbers(timesteps)) throw fail("its timesteps are no list of numbers");
  if (typeof units !== "object" || units === null)
    throw fail("its units are no object");
  const arrays = Object.entries(units as Record<string, unknown>).map(
    ([path, outputs]) => {
      if (!Array.isArray(outputs) || !outputs.every(isNumbers))
        throw fail(`its means of ${path} are no lists of numbers`);
      return [path, outputs.map((values) => Float32Array.from(values))];
    },
  );
  return {
    timesteps,
    units: Object.fromEntries(arrays) as ChannelMeans["units"],
  };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite);
}

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
  const found = JSON.parse(text) as {
    format?: unknown;
    version?: unknown;
    timesteps: number[];
    units: Record<string, number[][]>;
  } | null;
  if (found?.format !== "phaseskip-means" || found.version !== 1) {
    throw new TypeError(
      `Cannot read ${file} as it must hold means, "phaseskip-means" of version 1: it is ${JSON.stringify(found?.format)} of version ${JSON.stringify(found?.version)}`,
    );
  }
  const units = Object.entries(found.units).map(([path, outputs]) => [
    path,
    outputs.map((values) => Float32Array.from(values)),
  ]);
  return {
    timesteps: found.timesteps,
    units: Object.fromEntries(units) as ChannelMeans["units"],
  };
}

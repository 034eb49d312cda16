// The model folders on this machine that a command takes where none is named.

import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

/** A model folder on this machine. */
export interface LocalModel {
  /** The folder's own name. */
  readonly name: string;
  /** Its path. */
  readonly folder: string;
  /** Names of the plans that it ships, `balanced` first. */
  readonly plans: readonly string[];
  /** What to draw at first; missing where the model takes no text. */
  readonly prompt?: string;
}

/**
 * The folders named, or those that lie here: this one, those in `models/`, those beside; fixtures come last.
 * @param locations folders; none for those that lie here
 * @throws {RangeError} If a folder that is named has no model_index.json.
 */
export async function localModels(
  locations: readonly string[] = [],
): Promise<LocalModel[]> {
  const isModel = (folder: string) =>
    existsSync(join(folder, "model_index.json"));
  const wrong = locations.find((folder) => !isModel(folder));
  if (wrong !== undefined) {
    throw new RangeError(
      `Cannot serve ${wrong} as MODEL must be a folder with a model_index.json`,
    );
  }
  const found =
    locations.length > 0
      ? locations
      : [".", ...(await inside("models")), ...(await inside("."))].filter(
          isModel,
        );
  const described = await Promise.all(
    [...new Set(found.map((f) => resolve(f)))].map(describe),
  );
  // fixtures with random weights draw noise: they come last
  const rank = ({ name }: LocalModel) => Number(name.startsWith("tiny-"));
  return described.sort((a, b) => rank(a) - rank(b));
}

async function inside(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.sort().map((name) => join(folder, name));
}

async function describe(folder: string): Promise<LocalModel> {
  const plans = (await readdir(join(folder, "plans")).catch(() => []))
    .filter((name) => name.endsWith(".json"))
    .map((name) => basename(name, ".json"))
    .sort((a, b) => Number(b === "balanced") - Number(a === "balanced"));
  const index = JSON.parse(
    await readFile(join(folder, "model_index.json"), "utf8"),
  ) as Readonly<Record<string, unknown>>;
  const hasText = "text_encoder" in index;
  return {
    ...{ name: basename(folder), folder, plans },
    ...(hasText && { prompt: "a red boat on the left on the sea at sunset" }),
  };
}

// Looks for a network under the names that tools give it. A file of its own in an app, fetched for folders that are not
// laid out as diffusers does it: in a list of the folder's files where there is one, else by asking for one after the other.

import { PhaseskipError, loadGraph } from "@phaseskip/graph";
import { bestDtypes, dtypeOf, kinOf, namedDtype, suffixes } from "./dtype.js";
import type { ModelFolder } from "./folder.js";
import type { PartName } from "./part-name.js";
import { roleOf } from "./part-name.js";

/** What is looked for. */
export interface WantedPart {
  /** Which network. */
  readonly part: PartName;
  /** What the caller asked for; undefined: what the device does best with. */
  readonly dtype: string | undefined;
  /** Whether the device computes in float16. */
  readonly hasHalf: boolean;
  /** Where the Unet was found: without a list, others are looked for in the same manner alone. */
  readonly beside: string | undefined;
}

/** Where exporters put a network: diffusers and Optimum, transformers.js, and people. */
const places = [
  (part: string, suffix: string) => `${part}/model${suffix}.onnx`,
  (part: string, suffix: string) => `onnx/${part}_model${suffix}.onnx`,
  (part: string, suffix: string) => `onnx/${part}${suffix}.onnx`,
  (part: string, suffix: string) => `${part}${suffix}.onnx`,
];

/**
 * Finds a network's file. Parts beside the Unet are taken in the dtype that is asked for where the folder has them in it,
 * else in that which the device does best with.
 * @param networks the ONNX files of the folder, where it has a list
 * @returns undefined where the folder has no such network
 * @throws {PhaseskipError} `model-invalid` If the Unet is there, and none of its files is of the dtype
 */
export async function findPart(
  folder: ModelFolder,
  networks: readonly string[] | undefined,
  { part, dtype, hasHalf, beside }: WantedPart,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const listed = networks?.filter((path) => roleOf(path) === part) ?? [];
  const unlisted = networks ? [`${part}/model.onnx`] : namesOf(part, beside);
  const all = listed.length > 0 ? listed : unlisted;
  const best = bestDtypes(hasHalf);
  const asked = dtype === undefined ? [] : kinOf(dtype);
  const order = [...asked, ...best.filter((one) => !asked.includes(one))];
  const rank = (path: string) => order.indexOf(namedDtype(path) ?? "fp32");
  // sort is stable: among equals the usual name comes first
  const ranked = all
    .toSorted((a, b) => a.length - b.length)
    .sort((a, b) => rank(a) - rank(b));
  const tried: string[] = [];
  for (const path of ranked) {
    const file = await folder.file(path, signal, { optional: true });
    if (!file) continue;
    if (dtype !== undefined && part === "unet") {
      // a name that says nothing may hold anything
      const own = namedDtype(path) ?? dtypeOf(await loadGraph(file, path));
      tried.push(`${path} (${own})`);
      if (!asked.includes(own)) continue;
    }
    folder.spare(listed.filter((one) => one !== path));
    return path;
  }
  if (tried.length === 0) return undefined;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot load the model at ${folder.location} in the dtype ${dtype} as none of its Unet's files is of that: it has ${tried.join(", ")}`,
  );
}

function namesOf(part: PartName, beside: string | undefined): string[] {
  const ends = Object.values(suffixes).flat();
  const names = (place: (typeof places)[number], of: PartName) =>
    ends.map((end) => place(of, end));
  return places
    .filter((place) => !beside || names(place, "unet").includes(beside))
    .flatMap((place) => names(place, part));
}

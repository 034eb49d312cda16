// ControlNets that are given beside a model folder, as if they lay inside of it. A file of its own in an app, fetched where
// some are given.

import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";
import { openFolder, type OpenFolderOptions } from "./model-folder.js";

/** Where a ControlNet's file lies in its folder: alone, or in a pipeline's folder. */
const places = ["model.onnx", "controlnet/model.onnx"];

/** A ControlNet in a folder of its own. */
interface GivenNet {
  readonly folder: ModelFolder;
  /** Its file in that folder. */
  readonly file: string;
}

/**
 * A model folder with ControlNets that lie elsewhere: `controlnet/`, or of several `controlnet_0/` and so on.
 * @param folder the model's; it is closed with the others, also where this fails
 * @param locations of ControlNets: folders, bare `.onnx` files, or names on a hub
 * @throws {PhaseskipError} `model-invalid` If one is not there, as `openFolder` does
 */
export async function besideControlNets(
  folder: ModelFolder,
  locations: readonly string[],
  options: OpenFolderOptions,
): Promise<ModelFolder> {
  const opened = [folder];
  const nets = new Map<string, GivenNet>();
  const close = async () => {
    for (const one of opened) await one.close();
  };
  try {
    for (const [i, location] of locations.entries()) {
      const own = await openFolder(location, options);
      opened.push(own);
      const file = await netFile(own, options.signal);
      const name = locations.length === 1 ? "controlnet" : `controlnet_${i}`;
      nets.set(name, { folder: own, file });
    }
  } catch (error) {
    await close();
    throw error;
  }
  /** The folder that holds a file, and its path there. */
  const where = (path: string): readonly [ModelFolder, string] => {
    const slash = path.indexOf("/");
    const net = nets.get(path.slice(0, slash));
    if (!net) return [folder, path];
    const rest = path.slice(slash + 1);
    const directory = net.file.slice(0, net.file.lastIndexOf("/") + 1);
    return [net.folder, rest === "model.onnx" ? net.file : directory + rest];
  };
  return {
    ...folder,
    controlNets: [...nets.keys()],
    file: (path, ...more) => {
      const [own, inside] = where(path);
      return own.file(inside, ...more);
    },
    complete: async (signal) => {
      for (const one of opened) await one.complete(signal);
    },
    close,
  };
}

async function netFile(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (folder.unetPath !== undefined) return folder.unetPath;
  for (const path of places)
    if (await folder.file(path, signal, { optional: true })) return path;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot load the ControlNet at ${folder.location} as it has neither ${places.join(" nor ")}: give its folder, or its .onnx file`,
  );
}

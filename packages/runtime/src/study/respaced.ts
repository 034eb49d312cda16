// A model folder whose sampler spaces its timesteps otherwise.

import type { ModelFolder } from "../folder/folder.js";

/** The folder with another timestep spacing in its sampler's configuration; without one, as it is. */
export function respaced(
  folder: ModelFolder,
  spacing: string | undefined,
): ModelFolder {
  if (spacing === undefined) return folder;
  return {
    location: folder.location,
    ...(folder.unetPath !== undefined && { unetPath: folder.unetPath }),
    file: (...given) => folder.file(...given),
    json: async (path, ...more) => {
      const value = await folder.json(path, ...more);
      if (!path.endsWith("scheduler_config.json")) return value;
      const config = value as { readonly _use_default_values?: string[] };
      return {
        ...config,
        timestep_spacing: spacing,
        _use_default_values: (config._use_default_values ?? []).filter(
          (name) => name !== "timestep_spacing",
        ),
      };
    },
    paths: (signal) => folder.paths(signal),
    spare: (paths) => folder.spare(paths),
    complete: (signal) => folder.complete(signal),
    close: () => folder.close(),
  };
}

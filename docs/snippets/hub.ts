// Models by their name.
// #region name
import { loadPipeline, type Pipeline } from "phaseskip";

/** A model of the hub, by its name, in one revision and one dtype. */
export async function byName(
  askForToken: () => Promise<string>,
): Promise<Pipeline> {
  return loadPipeline("org/name", {
    revision: "main", // a branch, a tag, or a commit that never changes
    dtype: "fp16",
    token: askForToken, // only for models that are private or gated
    worker: () =>
      new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
        type: "module",
      }),
  });
}
// #endregion name

// #region other
/** The same from another hub. */
export async function elsewhere(worker: () => Worker): Promise<Pipeline> {
  return loadPipeline("org/name", {
    hub: {
      files: "https://models.example/{model}/resolve/{revision}/",
      list: "https://models.example/api/models/{model}/tree/{revision}?recursive=true",
    },
    worker,
  });
}
// #endregion other

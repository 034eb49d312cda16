import { loadPipeline, type Pipeline } from "phaseskip";
import { onScopeDispose, ref, shallowRef } from "vue";

/** Loads a model while the component is there, and frees it after: how much of it is loaded, in [0, 1]; then it, or why not. */
export function usePipeline(model: string) {
  const part = ref(0);
  const pipeline = shallowRef<Pipeline>();
  const error = shallowRef<unknown>();
  const controller = new AbortController();
  const { signal } = controller;
  loadPipeline(model, {
    worker: () =>
      new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
        type: "module",
      }),
    signal,
    onProgress: ({ modelLoaded, modelTotal }) => {
      if (modelTotal > 0) part.value = modelLoaded / modelTotal;
    },
  }).then(
    (loaded) => {
      if (signal.aborted) loaded.dispose();
      else pipeline.value = loaded;
    },
    (reason: unknown) => {
      if (!signal.aborted) error.value = reason;
    },
  );
  onScopeDispose(() => {
    controller.abort();
    pipeline.value?.dispose();
  });
  return { part, pipeline, error };
}

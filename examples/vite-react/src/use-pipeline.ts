import { loadPipeline, type Pipeline } from "phaseskip";
import { useEffect, useState } from "react";

/** A model's state: loading (with a part in [0, 1]), ready, or failed. */
export type PipelineState =
  | { readonly status: "loading"; readonly part: number }
  | { readonly status: "ready"; readonly pipeline: Pipeline }
  | { readonly status: "failed"; readonly error: unknown };

/** Loads a model while the component is mounted, and frees it after. */
export function usePipeline(model: string): PipelineState {
  const [state, setState] = useState<PipelineState>({
    status: "loading",
    part: 0,
  });
  useEffect(() => {
    setState({ status: "loading", part: 0 });
    const controller = new AbortController();
    const { signal } = controller;
    const loading = loadPipeline(model, {
      worker: () =>
        new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
          type: "module",
        }),
      signal,
      onProgress: ({ modelLoaded, modelTotal }) => {
        // the last news may come after the model
        if (modelTotal > 0 && !signal.aborted)
          setState((state) =>
            state.status === "loading"
              ? { status: "loading", part: modelLoaded / modelTotal }
              : state,
          );
      },
    });
    loading.then(
      (pipeline) => {
        if (signal.aborted) pipeline.dispose();
        else setState({ status: "ready", pipeline });
      },
      (error: unknown) => {
        if (!signal.aborted) setState({ status: "failed", error });
      },
    );
    return () => {
      controller.abort();
      loading.then(
        (pipeline) => pipeline.dispose(),
        () => undefined,
      );
    };
  }, [model]);
  return state;
}

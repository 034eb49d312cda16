import { loadPipeline, type Pipeline } from "phaseskip";

/** A model that is loaded while a component is there: how much of it, in [0, 1]; then it, or why not. */
export class PipelineState {
  part = $state(0);
  pipeline = $state.raw<Pipeline>();
  error = $state.raw<unknown>();
  readonly #controller = new AbortController();

  constructor(model: string) {
    const { signal } = this.#controller;
    loadPipeline(model, {
      worker: () =>
        new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
          type: "module",
        }),
      signal,
      onProgress: ({ modelLoaded, modelTotal }) => {
        if (modelTotal > 0) this.part = modelLoaded / modelTotal;
      },
    }).then(
      (pipeline) => {
        if (signal.aborted) pipeline.dispose();
        else this.pipeline = pipeline;
      },
      (reason: unknown) => {
        if (!signal.aborted) this.error = reason;
      },
    );
  }

  /** Ends loading, or frees what was loaded. */
  dispose(): void {
    this.#controller.abort();
    this.pipeline?.dispose();
  }
}

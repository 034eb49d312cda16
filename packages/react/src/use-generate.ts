// One picture at a time, as a component's state.

import type {
  CallOptions,
  DenoiseOptions,
  Generated,
  Pipeline,
  RunStep,
} from "@phaseskip/runtime";
import { useCallback, useEffect, useRef, useState } from "react";

/** What is to be drawn: what `denoise` takes. A signal cancels this call alone. */
export type DrawOptions = DenoiseOptions & Pick<CallOptions, "signal">;

/** What became of the last call. */
export type GenerateState =
  | { readonly status: "idle" }
  | {
      readonly status: "running";
      /** The last step that was made; none before the first. */
      readonly step?: RunStep;
      /** The last pictures on the way, where `preview` asks for them. */
      readonly preview?: RunStep["preview"];
    }
  | ({ readonly status: "done" } & Generated)
  | { readonly status: "cancelled" }
  | { readonly status: "failed"; readonly error: unknown };

/** A state, and what changes it. */
export type Drawing = GenerateState & {
  /**
   * Draws; a call that runs is cancelled. Before the pipeline is there, nothing happens.
   * @returns what was drawn; `undefined` where it was cancelled or failed, as the state says
   */
  readonly draw: (options: DrawOptions) => Promise<Generated | undefined>;
  /** Cancels the call that runs. */
  readonly cancel: () => void;
};

interface Running {
  readonly controller: AbortController;
  readonly pipeline: Pipeline;
}

/**
 * Draws with a pipeline. A component that leaves in the middle of a call cancels it.
 *
 * @example
 * ```ts
 * import { useGenerate, usePipeline } from "@phaseskip/react";
 *
 * const worker = () => new Worker(new URL("./phaseskip.worker.ts", import.meta.url), { type: "module" });
 *
 * export function useBoat() {
 *   const { pipeline } = usePipeline("/models/scenes/", { worker });
 *   const drawing = useGenerate(pipeline);
 *   const draw = () => drawing.draw({ prompt: "a red boat", plan: "balanced", preview: 5 });
 *   return { draw, images: drawing.status === "done" ? drawing.images : [] };
 * }
 * ```
 * @param pipeline that of `usePipeline`, `undefined` while it is on its way
 */
export function useGenerate(pipeline: Pipeline | undefined): Drawing {
  const [state, setState] = useState<GenerateState>({ status: "idle" });
  const running = useRef<Running>(undefined);

  const cancel = useCallback(() => running.current?.controller.abort(), []);
  useEffect(
    () => () => {
      // a call of the next pipeline may run already
      if (running.current?.pipeline !== pipeline) return;
      cancel();
      running.current = undefined;
      setState({ status: "idle" });
    },
    [pipeline, cancel],
  );

  const draw = useCallback(
    async ({ signal, ...options }: DrawOptions) => {
      if (!pipeline) return undefined;
      cancel();
      const controller = new AbortController();
      const mine = { controller, pipeline };
      running.current = mine;
      const note = (state: GenerateState) => {
        if (running.current === mine) setState(state);
      };
      const follow = () => controller.abort(signal?.reason);
      signal?.addEventListener("abort", follow);
      if (signal?.aborted) follow();
      note({ status: "running" });
      try {
        const steps = pipeline.denoise({
          ...options,
          signal: controller.signal,
        });
        let preview: RunStep["preview"];
        for (;;) {
          const { done, value } = await steps.next();
          if (done) {
            note({ status: "done", ...value });
            return value;
          }
          preview = value.preview ?? preview;
          note({
            status: "running",
            step: value,
            ...(preview && { preview }),
          });
        }
      } catch (error) {
        const { aborted } = controller.signal;
        note(aborted ? { status: "cancelled" } : { status: "failed", error });
        return undefined;
      } finally {
        signal?.removeEventListener("abort", follow);
      }
    },
    [pipeline, cancel],
  );
  return { ...state, draw, cancel };
}

// A model, for as long as a component is mounted.

import type { Pipeline } from "@phaseskip/runtime";
import { useEffect, useRef, useState } from "react";
import { keyOf, sharePipeline, type SharedOptions } from "./shared-pipeline.js";

/** How far a model is. */
export type PipelineState =
  | {
      readonly status: "loading";
      /** Bytes that are here, of all; 0 of 0 while nothing is known. */
      readonly loaded: number;
      /** Bytes of the model. */
      readonly total: number;
      readonly pipeline?: undefined;
    }
  | { readonly status: "ready"; readonly pipeline: Pipeline }
  | {
      readonly status: "failed";
      readonly error: unknown;
      readonly pipeline?: undefined;
    };

const begun = { status: "loading", loaded: 0, total: 0 } as const;

/**
 * Loads a model when the component is mounted. Components that ask for the same share one; it is freed, and its worker
 * ends, after the last of them. On a server nothing is loaded.
 *
 * @example
 * ```ts
 * import { usePipeline } from "@phaseskip/react";
 *
 * const worker = () => new Worker(new URL("./phaseskip.worker.ts", import.meta.url), { type: "module" });
 *
 * export function useScenes() {
 *   const state = usePipeline("/models/scenes/", { worker });
 *   return state.status === "loading" ? `${state.loaded} of ${state.total} bytes` : state.status;
 * }
 * ```
 * @param model URL of the model folder, or its name on a hub
 * @param options how it is loaded; other data loads anew, another function does not
 */
export function usePipeline(
  model: string | URL,
  options: SharedOptions,
): PipelineState {
  const key = keyOf(model, options);
  const latest = useRef({ model, options });
  const [{ of, state }, setState] = useState<{
    readonly of: string;
    readonly state: PipelineState;
  }>({ of: key, state: begun });
  useEffect(() => {
    latest.current = { model, options };
  });
  useEffect(() => {
    let isMounted = true;
    const note = (state: PipelineState) => {
      if (isMounted) setState({ of: key, state });
    };
    note(begun);
    let isLoading = true;
    const asked = latest.current;
    const share = sharePipeline(
      asked.model,
      asked.options,
      ({ modelLoaded: loaded, modelTotal: total }) => {
        // the last news may come after the model
        if (isLoading) note({ status: "loading", loaded, total });
      },
    );
    void share.pipeline
      .then(
        (pipeline): PipelineState => ({ status: "ready", pipeline }),
        (error: unknown): PipelineState => ({ status: "failed", error }),
      )
      .then((state) => {
        isLoading = false;
        note(state);
      });
    return () => {
      isMounted = false;
      share.release();
    };
  }, [key]);
  // what is known of another model is nothing of this one
  return of === key ? state : begun;
}

// Which pipeline an element draws with: that of its attributes model, controlnet, device, dtype and worker-src, shared with others.

import type { FolderProgress } from "../download/load-progress.js";
import type { LoadOptions, Pipeline } from "../pipeline.js";
import type { PipelineShare } from "../pipeline-shares.js";
import { sharePipeline, type PipelineRequest } from "./shared-pipelines.js";
import { workerScript } from "./worker-script.js";

/** An element's share in a pipeline, held from one picture to the next. */
export class PipelineChoice {
  #share: (PipelineShare & { readonly of: readonly unknown[] }) | undefined;

  /**
   * The pipeline that an element asks for; a share in another one is given back, and so is one whose load fails or is
   * cancelled: the next call asks anew.
   * @param worker the app's; undefined where the attribute `worker-src` says it
   * @throws {TypeError} If there is no model or no worker
   */
  async take(
    element: Element,
    worker: LoadOptions["worker"] | undefined,
    onProgress: (progress: FolderProgress) => void,
    signal: AbortSignal,
  ): Promise<Pipeline> {
    const request = pipelineRequest(element, worker);
    const { model, controlnet, device, dtype, workerSrc } = request;
    const nets = controlnet.join(" ");
    const of = [model, nets, device, dtype, worker ?? workerSrc];
    if (this.#share && !of.every((part, i) => part === this.#share?.of[i]))
      this.leave();
    this.#share ??= { of, ...sharePipeline(request, onProgress) };
    let onAbort!: () => void;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", onAbort);
    });
    try {
      return await Promise.race([this.#share.pipeline, aborted]);
    } catch (error) {
      this.leave();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Gives the share back. */
  leave(): void {
    this.#share?.release();
    this.#share = undefined;
  }
}

function pipelineRequest(
  element: Element,
  given: LoadOptions["worker"] | undefined,
): PipelineRequest {
  const url = (name: string) => {
    const text = element.getAttribute(name);
    return text ? new URL(text, element.baseURI).href : undefined;
  };
  // loading makes a whole address of it, where it is no name
  const model = element.getAttribute("model") || undefined;
  const workerSrc = given ? undefined : url("worker-src");
  const worker =
    given ??
    (workerSrc === undefined
      ? undefined
      : () => new Worker(workerScript(workerSrc), { type: "module" }));
  if (model === undefined || worker === undefined) {
    throw new TypeError(
      `Cannot draw as a <phaseskip-image> needs ${model === undefined ? "the attribute model, a model folder's URL" : "the attribute worker-src, the worker file's URL, or the property worker"}`,
    );
  }
  const device = (element.getAttribute("device") ??
    "auto") as PipelineRequest["device"];
  const dtype = (element.getAttribute("dtype") ??
    undefined) as PipelineRequest["dtype"];
  const controlnet = (element.getAttribute("controlnet") ?? "")
    .split(/\s+/)
    .filter(Boolean);
  return { model, controlnet, device, dtype, worker, workerSrc };
}

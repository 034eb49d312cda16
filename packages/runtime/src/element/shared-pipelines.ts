// Pipelines that several elements of a page share: the same model in the same worker is loaded once. What loads one is
// fetched with the first: a page whose elements draw nothing yet does without.

import type { FolderProgress } from "../download/load-progress.js";
import type { LoadOptions, Pipeline } from "../pipeline.js";
import { PipelineShares, type PipelineShare } from "../pipeline-shares.js";

/** What an element asks for. */
export type PipelineRequest = Pick<LoadOptions, "worker"> & {
  /** URL of the model folder. */
  readonly model: string;
  /** Where ControlNets lie that are beside the model; empty: those in its folder. */
  readonly controlnet: readonly string[];
  /** The worker file's URL, where `worker` is made from it; else an identity is taken of `worker` itself. */
  readonly workerSrc: string | undefined;
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly dtype: LoadOptions["dtype"] | undefined;
};

const shares = new PipelineShares();
const workerNumbers = new WeakMap<object, number>();
let workerCount = 0;

/** Takes a share in a pipeline, which is loaded where no one holds it yet. */
export function sharePipeline(
  request: PipelineRequest,
  onProgress: (progress: FolderProgress) => void,
): PipelineShare {
  const key = JSON.stringify([
    request.model,
    request.controlnet,
    request.workerSrc ?? workerNumber(request.worker),
    request.device,
    request.dtype,
  ]);
  const { model, controlnet, worker, device, dtype } = request;
  return shares.take(
    key,
    (own) =>
      load(model, {
        worker,
        device,
        ...(dtype !== undefined && { dtype }),
        ...(controlnet.length > 0 && { controlnet }),
        ...own,
      }),
    onProgress,
  );
}

async function load(model: string, options: LoadOptions): Promise<Pipeline> {
  const { loadPipeline } = await import("../load-pipeline.js");
  return loadPipeline(model, options);
}

function workerNumber(worker: object): number {
  const known = workerNumbers.get(worker) ?? ++workerCount;
  workerNumbers.set(worker, known);
  return known;
}

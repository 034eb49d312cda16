// A page in a frame, another client of the same origin: loads the model that its address names, draws, and tells its
// parent.
import { loadPipeline } from "phaseskip";
import { requests } from "./requests.js";

/** What a frame tells its parent. */
export type FrameNews =
  | { readonly kind: "progress"; readonly modelLoaded: number }
  | { readonly kind: "drawn"; readonly levels: readonly number[] }
  | { readonly kind: "failed"; readonly reason: string };

const tell = (news: FrameNews) => parent.postMessage(news, location.origin);
const model = new URLSearchParams(location.search).get("model") ?? "";
try {
  const pipeline = await loadPipeline(model, {
    worker: () =>
      new Worker(new URL("phaseskip/phaseskip.worker.js", document.baseURI), {
        type: "module",
      }),
    device: "wasm",
    onProgress: ({ modelLoaded }) => tell({ kind: "progress", modelLoaded }),
  });
  const { images } = await pipeline.generate(requests.full.options);
  tell({ kind: "drawn", levels: [...images[0]!.data] });
  pipeline.dispose();
} catch (error) {
  tell({ kind: "failed", reason: String(error) });
}

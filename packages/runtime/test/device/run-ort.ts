import type { OrtReply, OrtRequest } from "./ort-worker.js";

/** Runs one request in a worker of its own. */
export async function runOrt(request: OrtRequest): Promise<OrtReply> {
  const worker = new Worker(new URL("./ort-worker.ts", import.meta.url), {
    type: "module",
  });
  try {
    return await new Promise<OrtReply>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<OrtReply>) => resolve(data);
      worker.onerror = (event) =>
        reject(new Error(event.message || "the worker did not load"));
      worker.postMessage(request);
    });
  } finally {
    worker.terminate();
  }
}

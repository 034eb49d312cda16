// A worker that runs y = 3x on ONNX Runtime alone: what the browser tests stand on.
/** y = x · 3, one node; written by onnx.helper.make_model, opset 17. */
const model =
  "CAgSADpLCg4KAXgKAXcSAXkiA011bBIGc2NhbGVkKg0IARABIgQAAEBAQgF3WhAKAXgSCwoJCAESBQoDEgFuYhAKAXkSCwoJCAESBQoDEgFuQgQKABAR";

export interface OrtRequest {
  device: "wasm" | "webgpu";
  numThreads: number;
  x: number[];
}

export interface OrtReply {
  y: number[];
  numThreads: number | undefined;
  error?: string;
}

self.onmessage = async ({ data }: MessageEvent<OrtRequest>) => {
  const reply = (value: OrtReply) => self.postMessage(value);
  try {
    const ort = await (data.device === "webgpu"
      ? import("onnxruntime-web/webgpu")
      : import("onnxruntime-web/wasm"));
    ort.env.wasm.numThreads = data.numThreads;
    const bytes = Uint8Array.from(atob(model), (character) =>
      character.charCodeAt(0),
    );
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: [data.device],
    });
    const { y } = await session.run({
      x: new ort.Tensor("float32", Float32Array.from(data.x), [data.x.length]),
    });
    reply({
      y: [...((await y?.getData()) as Float32Array)],
      numThreads: ort.env.wasm.numThreads,
    });
    await session.release();
  } catch (error) {
    reply({ y: [], numThreads: undefined, error: String(error) });
  }
};

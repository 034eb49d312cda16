// The prebuilt worker in a global that is not as it should be; how is in its address, as in odd-worker.js?gpu-silent.
import { litter } from "./litter.js";
import "phaseskip/worker";

const odd: Readonly<Record<string, () => void>> = {
  /** What libraries of old and careless pages do to prototypes and constructors. */
  littered: () => void litter(),
  /** The GPU process hangs. */
  "gpu-silent": () => giveGpu(() => new Promise(() => undefined)),
  /** The browser refuses to say whether there is a GPU. */
  "gpu-refuses": () =>
    giveGpu(() => Promise.reject(new DOMException("Not here.", "AbortError"))),
  /** A logger that reads the answers that it hands on. */
  "body-taken": () => {
    const { fetch } = globalThis;
    globalThis.fetch = async (...given) => {
      const answer = await fetch(...given);
      if (answer.url.endsWith("unet/model.onnx")) await answer.arrayBuffer();
      return answer;
    };
  },
  /** A machine that sleeps, and is set right, in the middle. */
  "clock-jumps": () => {
    const { now } = Date;
    let calls = 0;
    const day = 86_400_000;
    Date.now = () => now() + (++calls % 2 ? 400 : -4000) * day;
  },
};

function giveGpu(requestAdapter: () => Promise<unknown>): void {
  Object.defineProperty(navigator, "gpu", { value: { requestAdapter } });
}

odd[location.search.slice(1)]!();

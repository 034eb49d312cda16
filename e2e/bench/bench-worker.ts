// The benchmark's worker: the same measurement as the command's, on this browser's WASM.
import { benchRows } from "../../packages/cli/src/bench/bench-rows.js";
import { inspectModel } from "../../packages/cli/src/inspection/model-inspection.js";
import { publishedPlans } from "../../packages/cli/src/bench/published-plans.js";

self.onmessage = async ({
  data,
}: MessageEvent<{ location: string; plans: string[] }>) => {
  try {
    const model = await inspectModel(data.location);
    const measured = await benchRows(
      model,
      [...data.plans, ...publishedPlans(model)],
      (label, done, total) => self.postMessage({ label, done, total }),
    );
    self.postMessage({ measured });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};

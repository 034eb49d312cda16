// What cases on WebGPU need.
import { skip } from "./case.js";

/** Skips the case where there is no WebGPU adapter, and says which part is missing. */
export async function needAdapter(): Promise<void> {
  const { gpu } = navigator as Navigator & {
    gpu?: { requestAdapter(): Promise<unknown> };
  };
  if (!gpu) skip("this engine has no navigator.gpu");
  if (!(await gpu.requestAdapter().catch(() => null)))
    skip("this engine gives no WebGPU adapter here");
}

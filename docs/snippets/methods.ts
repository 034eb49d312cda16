// A published method as a plan.
// #region method
import { describePlan, type Generated, type Pipeline } from "phaseskip";
import { deepCache } from "phaseskip/plans";

/** Draws with the deep layers at every third step. */
export async function drawByDeepCache(pipeline: Pipeline): Promise<Generated> {
  const { units } = await describePlan(pipeline, "none", { time: false });
  const plan = deepCache({ units, interval: 3, branch: 0 });
  return pipeline.generate({ prompt: "a red boat", plan });
}
// #endregion method

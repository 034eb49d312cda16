import type { RunResult } from "../../src/pipeline/run.js";

/** One run to its end. */
export async function finishRun(
  run: AsyncGenerator<unknown, RunResult>,
): Promise<RunResult> {
  let step = await run.next();
  while (!step.done) step = await run.next();
  return step.value;
}

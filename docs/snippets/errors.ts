// What a page does with an error.
// #region catch
import { PhaseskipError, type Pipeline } from "phaseskip";

/** Draws, or says why not. */
export async function drawOrSay(
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { images } = await pipeline.generate({ prompt: "a boat", signal });
    return `drawn, ${images[0]!.width} pixels wide`;
  } catch (error) {
    if (signal.aborted) return "cancelled";
    if (error instanceof PhaseskipError) {
      if (error.code === "out-of-memory") return "This device is too small.";
      if (error.code === "fetch-failed") return "Is the network there?";
    }
    throw error; // a mistake of one's own: TypeError, RangeError
  }
}
// #endregion catch

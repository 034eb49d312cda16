// What ONNX Runtime fails with, as this project's errors.

import { PhaseskipError, type PhaseskipErrorCode } from "@phaseskip/graph";
import type { Loss } from "./loss.js";

/** How long after what it makes fail a lost device may be told of, in ms; an error waits for so long. */
const lossDelay = 250;

const kinds: readonly (readonly [PhaseskipErrorCode, RegExp, string])[] = [
  [
    "out-of-memory",
    /out of memory|bad_alloc|failed to allocate|allocation failed|allocate memory|OOM/i,
    " as memory ran out",
  ],
  [
    "device-lost",
    /device (was |is )?lost|lost device|device.*destroyed/i,
    " as the GPU was lost",
  ],
  [
    "fetch-failed",
    /no available backend|failed to (fetch|load).*(wasm|module)|error loading dynamically imported|importing a module/i,
    " as ONNX Runtime's files must be where wasmPaths says, or beside the file that imports it, served with the type text/javascript (.mjs) or application/wasm, and allowed by the content security policy",
  ],
];

/**
 * Runs something of ONNX Runtime, which throws plain errors, strings, and numbers that are C++ exceptions.
 * @param what for messages: what is attempted
 * @param loss ends the work when its device is lost, which may leave it open for ever
 * @throws {PhaseskipError} `out-of-memory`, `device-lost`, `fetch-failed` or else `inference-failed`
 */
export async function attempt<T>(
  what: string,
  work: () => Promise<T>,
  loss?: Loss,
): Promise<T> {
  try {
    return await (loss ? loss.race(work()) : work());
  } catch (cause) {
    // a lost device is told of after what it makes fail: in Firefox not in the next macrotask
    if (loss) {
      await loss.race(new Promise((resolve) => setTimeout(resolve, lossDelay)));
    }
    if (cause instanceof PhaseskipError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    const [code, , why] = kinds.find(([, pattern]) => pattern.test(said)) ?? [
      "inference-failed" as const,
      undefined,
      "",
    ];
    const line = said.split("\n")[0]!.slice(0, 300);
    if (code === "fetch-failed") {
      const { moduleProblem } = await import("./module-problem.js");
      const problem = await moduleProblem(said);
      if (problem)
        throw new PhaseskipError(code, `Cannot ${what} as ${problem}`, {
          cause,
        });
    }
    throw new PhaseskipError(code, `Cannot ${what}${why}: ${line}`, { cause });
  }
}

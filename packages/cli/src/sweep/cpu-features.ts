// What a processor can do that may change how sums are rounded.

import { readFileSync } from "node:fs";
import { arch, cpus } from "node:os";

const vector =
  /^(sse4_\d|ssse3|avx\w*|fma\w*|f16c|amx\w*|neon|asimd\w*|sve\w*|i8mm|bf16|fphp)$/;

/** The processor's vector extensions, sorted, behind its architecture; where they are not told, its model. */
export function cpuFeatures(): string {
  const [first] = cpus();
  let flags: string[] = [];
  try {
    const text = readFileSync("/proc/cpuinfo", "utf8");
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1] ?? "";
    flags = line.split(/\s+/).filter((flag) => vector.test(flag));
  } catch {
    // only Linux has this file
  }
  const told = flags.length > 0 ? flags.sort().join(" ") : first?.model;
  return `${arch()} ${told ?? "unknown"}`;
}

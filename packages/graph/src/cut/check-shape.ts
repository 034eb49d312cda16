// A Unet is cut only at values of known shape: between segments, types and sizes are declared.

import { PhaseskipError } from "../errors.js";
import type { UnruledNode } from "../shapes/infer.js";
import { valuesRead } from "../graph.js";
import type { Unet } from "../unet.js";

/**
 * Checks that a value's shape is known.
 *
 * @param unit the unit at whose border the Unet is cut
 * @throws {PhaseskipError} `model-unsupported` if it is not: it names the unit, and the operator that it follows from
 */
export function checkShape(unet: Unet, value: string, unit: string): void {
  if (unet.shapes.has(value)) return;
  const cause = unruledBefore(unet, value);
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot cut the Unet at ${unit || "its inputs"} as the shape of ${value} is not known: ${cause?.reason ?? "the file does not tell it"}; take a plan that leaves this unit alone, or write shapes into the file with onnx.shape_inference or symbolic_shape_infer`,
  );
}

/** The node nearest before a value whose shapes nothing tells. */
function unruledBefore(
  { graph, unruled }: Unet,
  value: string,
): UnruledNode | undefined {
  const front = [value];
  const seen = new Set(front);
  for (let at = front.shift(); at !== undefined; at = front.shift()) {
    const producer = graph.producers.get(at);
    if (!producer) continue;
    const found = unruled.find(({ node }) => node.index === producer.index);
    if (found) return found;
    for (const read of valuesRead(producer)) {
      if (seen.has(read)) continue;
      seen.add(read);
      front.push(read);
    }
  }
  return undefined;
}

// What a Unet's file lacks, in sentences for whoever runs it.

import type { UnruledNode } from "./shapes/infer.js";
import { operatorName } from "./shapes/infer.js";
import type { Units } from "./units/unit.js";

/**
 * What the caller should know of a Unet's file.
 *
 * @param unruled the nodes whose shapes nothing here tells
 */
export function unetWarnings(
  unruled: readonly UnruledNode[],
  { unitOf, isGuessed }: Pick<Units, "unitOf" | "isGuessed">,
): string[] {
  const warnings: string[] = [];
  if (isGuessed) {
    warnings.push(
      "the Unet's file has lost its module names, so that units are guessed from the shape of the graph and are fewer: export it again, or with an optimizer that keeps node names",
    );
  }
  const operators = new Map<string, UnruledNode[]>();
  for (const found of unruled) {
    const name = operatorName(found.node);
    operators.set(name, [...(operators.get(name) ?? []), found]);
  }
  for (const [name, nodes] of operators) {
    const unit = unitOf[nodes[0]!.node.index] || "no unit";
    warnings.push(
      `the shapes behind ${name} (${nodes.length} of the Unet's nodes, the first in ${unit}) are not known: its multiply-accumulates are not counted, and a plan that acts behind it is refused`,
    );
  }
  return warnings;
}

// Mutations of a JSON file: of its tree, and now and then of its text.

import { mutateTree } from "./mutate-tree.js";
import type { Random } from "./random.js";

/** A changed copy of a JSON value, as text. */
export function mutateJson(value: object, random: Random): string {
  const tree = { root: structuredClone(value) };
  // half of them keep every type, and so get further in
  const form = random.pick(["json", "message"] as const);
  mutateTree(random.chance(0.97) ? tree.root : tree, random, form);
  const text = JSON.stringify(tree.root) ?? "";
  if (random.chance(0.95)) return text;
  const at = random.below(text.length);
  const put = (inset: string) => text.slice(0, at) + inset + text.slice(at);
  return random.pick([
    text.slice(0, at),
    put("NaN"),
    put("["),
    put("[".repeat(20_000)),
    put("\u0000"),
    `\ufeff${text}`,
  ]);
}

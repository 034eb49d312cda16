// Colours of code as classes: Shiki writes them as style attributes, which a strict policy forbids. The rules are collected
// while pages are rendered; classSheet() has them all, for a file of its own.
import { createHash } from "node:crypto";

const rules = new Map();

const nameOf = (style) =>
  `c${createHash("sha256").update(style).digest("hex").slice(0, 7)}`;

/** A transformer for Shiki. */
export function classStyles() {
  const replace = (node) => {
    const style = node.properties?.style;
    if (style) {
      const name = nameOf(String(style));
      rules.set(name, String(style));
      delete node.properties.style;
      node.properties.class = `${node.properties.class ?? ""} ${name}`.trim();
    }
    for (const child of node.children ?? []) replace(child);
  };
  return { name: "class-styles", root: replace };
}

/** The rules of all that was rendered so far. */
export function classSheet() {
  return [...rules].map(([name, style]) => `.${name}{${style}}\n`).join("");
}

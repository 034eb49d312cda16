import { expect, test } from "vitest";

test("phaseskip/element can be imported where there is no document", async () => {
  const { PhaseskipImage } = await import("../../src/element.js");
  expect(PhaseskipImage.observedAttributes).toContain("prompt");
  expect("customElements" in globalThis).toBe(false);
});

// Draws an SVG as PNG, for papers: twice its size, in a font of its own, so that it looks the same on every machine.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

const { resolve: resolveModule } = createRequire(import.meta.url);

/** The font to name in the SVG; `system-ui, sans-serif` becomes it. */
export const figureFont = "Inter";

/** The picture of an SVG, as the bytes of a PNG file. */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  await readyResvg();
  const fonts = ["400Regular", "600SemiBold"].map((weight) =>
    resolveModule(`@expo-google-fonts/inter/${weight}/Inter_${weight}.ttf`),
  );
  const fontBuffers = await Promise.all(fonts.map((path) => readFile(path)));
  return new Resvg(svg.replaceAll("system-ui, sans-serif", figureFont), {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers, defaultFontFamily: figureFont },
  })
    .render()
    .asPng();
}

let ready: Promise<void> | undefined;

/** The renderer is one WASM module for the process. */
async function readyResvg(): Promise<void> {
  ready ??= readFile(
    join(dirname(resolveModule("@resvg/resvg-wasm")), "index_bg.wasm"),
  ).then((bytes) => initWasm(bytes));
  await ready;
}

// The README's example on a Unet with random weights.

import {
  analyseUnet,
  bytesSource,
  liveGraph,
  loadGraph,
  partition,
  segmentModel,
} from "@phaseskip/graph";
import { fixtureBytes } from "./fixtures.js";

/** What the example prints. */
export const printed: string[][] = [];
const console = { log: (paths: string[]) => printed.push(paths) };
const bytes = fixtureBytes("tiny-text-ts");

const graph = await loadGraph(bytesSource(bytes)); // any ByteSource: a file, cached chunks
const unet = analyseUnet(graph, {
  batch: 1,
  height: 16,
  width: 16,
  tokens: 12,
  textWidth: 8,
});
console.log([...unet.units.units.keys()]); // conv_in, down_blocks.0, …, up_blocks.1.resnets.0.skip, …

const whole = liveGraph(unet, new Set(), () => "fresh");
const cached = liveGraph(unet, new Set(["up_blocks.1"]), () => "cache"); // a step that reuses it
const { segments } = partition(unet, [whole, cached]);
const models = segments.map((segment) => segmentModel(unet, segment));

/** What the example ends with. */
export { models };

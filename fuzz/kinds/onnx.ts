// ONNX files: changed as a graph, as messages field by field, and as bytes. None is handed to a session.

import {
  readModelProto,
  writeModelProto,
  type ModelProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import { clone, decode, encode } from "../../packages/graph/src/onnx/wire.js";
import { handMadeUnet } from "../../packages/graph/test/hand-made-unet.js";
import type { Kind } from "../kind.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateTree } from "../mutate-tree.js";
import type { Random } from "../random.js";
import { mutateGraph } from "./mutate-graph.js";
import { modelBytes, useNetwork, useUnet } from "./unets.js";

/** A model to start from, whether it is a Unet, and how often it is taken. */
interface Start {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly model: ModelProto;
  readonly isUnet: boolean;
}

/** Most often a Unet of a dozen nodes, now and then a whole export. */
async function starts(): Promise<(random: Random) => Start> {
  const start = (bytes: Uint8Array<ArrayBuffer>, isUnet: boolean): Start => ({
    bytes,
    model: decode(readModelProto, bytes),
    isUnet,
  });
  const small = start(handMadeUnet(), true);
  const encoder = start(
    await modelBytes("tiny-text-ts/text_encoder/model.onnx"),
    false,
  );
  const whole = await Promise.all(
    ["tiny-text-ts-static", "tiny-text-dynamo", "tiny-ddpm-dynamo-static"].map(
      async (name) => start(await modelBytes(`${name}/unet/model.onnx`), true),
    ),
  );
  return (random) =>
    random.chance(0.06)
      ? random.pick(whole)
      : random.chance(0.1)
        ? encoder
        : small;
}

function kind(
  name: string,
  share: number,
  change: (start: Start, random: Random) => Uint8Array,
): Kind {
  return {
    name,
    share,
    open: async () => {
      const next = await starts();
      return (random) => {
        const start = next(random);
        const bytes = change(start, random);
        return () => (start.isUnet ? useUnet(bytes) : useNetwork(bytes));
      };
    },
  };
}

/** Edges, scopes, functions, bodies, attributes, types, sizes, external ranges. */
export const onnxGraphs = kind("ONNX graphs", 20, ({ model }, random) => {
  const changed = clone(model);
  for (let left = 1 + random.below(3); left > 0; left--)
    mutateGraph(changed, random);
  return encode(writeModelProto, changed);
});

/** One to four fields of messages, each with a value that its type allows. */
export const onnxFields = kind("ONNX fields", 12, ({ model }, random) => {
  const changed = clone(model);
  mutateTree(changed, random, "message");
  return encode(writeModelProto, changed);
});

/** Tags, lengths and values as bytes. */
export const onnxBytes = kind("ONNX bytes", 8, ({ bytes }, random) =>
  mutateBytes(bytes, random),
);

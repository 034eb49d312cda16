// A graph's weights in a model that is written: small ones stay inside; the others are named as one external file, laid
// out here and filled by whoever opens the session.
//
// Where float16 is computed in float32, a weight is widened as it is read; or it is kept, and the model widens it each
// time it is used. ONNX Runtime would widen it once for all as it optimises the graph, and hold it twice: so it is an
// input of the graph, of which the weight is the default, and no constant. Casts stand before all other nodes: each then
// runs right before its reader. Where they stand between the others, ONNX Runtime runs all of them first.

import type { Graph, Weight } from "../graph.js";
import type { GraphProto, NodeProto } from "../onnx/onnx_pb.js";
import {
  TensorProtoDataLocation,
  readStringStringEntryProto,
  readTensorProto,
  readTensorShapeProto,
  readTensorShapeProtoDimension,
  readTypeProto,
  readTypeProtoTensor,
  readValueInfoProto,
} from "../onnx/onnx_pb.js";
import { inlineLimit } from "../onnx/read.js";
import { elementCount, tensorBytes } from "../onnx/tensor.js";
import { ElementType, elementSize } from "../onnx/types.js";
import { heldType, widenFloats } from "../onnx/widen.js";
import { create } from "../onnx/wire.js";
import { castNode } from "./cast-edges.js";

/** How float16 weights lie in a model that computes in float32. */
export type HalfWeights = "widened" | "kept";

/** Where one weight lies in a segment's external file. */
export interface WeightPlacement {
  /** The weight in the model's own files. */
  readonly weight: Weight;
  /** First byte in the external file. */
  readonly offset: number;
  /** Bytes in the external file: twice those in the model's where float16 is widened. */
  readonly byteLength: number;
}

/** Weights as a model has them. */
export interface WrittenWeights {
  /** Bytes of the external file; 0 if the model needs none. */
  readonly externalBytes: number;
  /** What lies in the external file, in order. */
  readonly placements: readonly WeightPlacement[];
  /** What widens those that are kept; these go before all other nodes. */
  readonly casts: readonly NodeProto[];
}

/** The name by which models call their external file. */
export const externalName = "weights";
/** Weights start at multiples of this many bytes. */
const alignment = 64;

/**
 * Adds weights to a graph.
 *
 * @param widen write float16 as float32
 * @param isChanged weights that are changed as they are read: these lie in the external file, however small, and widened
 * @param half what becomes of large float16 weights where they are to be float32
 */
export function writeWeights(
  proto: GraphProto,
  graph: Graph,
  names: readonly string[],
  widen: boolean,
  isChanged: (weight: string) => boolean = () => false,
  half: HalfWeights = "widened",
): WrittenWeights {
  const placements: WeightPlacement[] = [];
  const casts: NodeProto[] = [];
  let externalBytes = 0;
  const place = (weight: Weight, name: string, type: ElementType) => {
    const byteLength =
      type === weight.type
        ? weight.byteLength
        : elementCount(weight.dims) * elementSize(type)!;
    proto.initializer.push(
      externalTensor(name, type, weight.dims, externalBytes, byteLength),
    );
    placements.push({ weight, offset: externalBytes, byteLength });
    externalBytes =
      Math.ceil((externalBytes + byteLength) / alignment) * alignment;
  };
  for (const name of names) {
    const weight = graph.weights.get(name)!;
    const type = heldType(weight.type, !widen);
    const isInside =
      "data_type" in weight.data && weight.byteLength <= inlineLimit;
    if (staysHalf(weight, widen, half) && !isChanged(name)) {
      const kept = `${name}:float16`;
      place(weight, kept, weight.type);
      proto.input.push(defaultInput(kept, weight));
      casts.push(castNode(kept, name, type));
    } else if (isInside && !isChanged(name)) {
      const bytes = tensorBytes(weight.data);
      const raw_data =
        type === weight.type ? bytes : widenFloats(weight.type, bytes);
      proto.initializer.push(
        create(readTensorProto, {
          name,
          data_type: type,
          dims: [...weight.dims],
          raw_data,
        }),
      );
    } else place(weight, name, type);
  }
  return { placements, externalBytes, casts };
}

/** Whether a weight stays float16 where others are widened: rows of numbers do not, which ONNX Runtime fuses as constants. */
export function staysHalf(
  { type, dims, byteLength }: Weight,
  widen: boolean,
  half: HalfWeights,
): boolean {
  const isMatrix = dims.filter((dim) => dim > 1).length > 1;
  const isLarge = byteLength > inlineLimit;
  const isHalf = type === ElementType.FLOAT16;
  return widen && half === "kept" && isHalf && isLarge && isMatrix;
}

/** An input that need not be fed: where nothing is, it is the weight of its name. */
function defaultInput(name: string, { type, dims }: Weight) {
  const dim = dims.map((dim_value) =>
    create(readTensorShapeProtoDimension, { dim_value }),
  );
  const shape = create(readTensorShapeProto, { dim });
  const tensor_type = create(readTypeProtoTensor, { elem_type: type, shape });
  return create(readValueInfoProto, {
    name,
    type: create(readTypeProto, { tensor_type }),
  });
}

function externalTensor(
  name: string,
  type: ElementType,
  dims: readonly number[],
  offset: number,
  length: number,
) {
  const entries = {
    location: externalName,
    offset: String(offset),
    length: String(length),
  };
  return create(readTensorProto, {
    name,
    data_type: type,
    dims: [...dims],
    data_location: TensorProtoDataLocation.EXTERNAL,
    external_data: Object.entries(entries).map(([key, value]) =>
      create(readStringStringEntryProto, { key, value }),
    ),
  });
}

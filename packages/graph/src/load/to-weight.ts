// From an initializer to a weight: its data are in the parsed file, in the file's bytes, or beside it.

import { PhaseskipError } from "../errors.js";
import type { Weight } from "../graph.js";
import type { TensorProto } from "../onnx/onnx_pb.js";
import { TensorProtoDataLocation } from "../onnx/onnx_pb.js";
import type { OnnxFile, WeightRange } from "../onnx/read.js";
import {
  elementCount,
  isShape,
  tensorBytes,
  tensorDims,
} from "../onnx/tensor.js";
import type { ElementType } from "../onnx/types.js";
import { elementName, elementSize } from "../onnx/types.js";

/**
 * Notes where a weight's data lie.
 *
 * @param file the file that holds the tensor
 * @param name what to call the file in messages
 * @throws {PhaseskipError} `model-invalid` if its shape is none, if the data lie outside the model's folder, or are of
 * another length than the shape asks for; `model-unsupported` if they are no numbers of a known type
 */
export function toWeight(
  tensor: TensorProto,
  file: OnnxFile,
  name: string,
): Weight {
  const type: ElementType = tensor.data_type;
  const dims = tensorDims(tensor);
  const size = elementSize(type);
  if (size === undefined) {
    throw new PhaseskipError(
      "model-unsupported",
      `Cannot use ${name} as its weight ${tensor.name} must hold numbers: it is of ${elementName(type)}`,
    );
  }
  if (!isShape(dims)) throw invalid(`must have sizes of 0 or more: ${dims}`);
  const byteLength = Math.ceil(elementCount(dims) * size);
  const weight = { name: tensor.name, type, dims, byteLength };
  const holds = (bytes: number) => {
    if (bytes === byteLength) return;
    throw invalid(`must hold ${byteLength} bytes: it holds ${bytes}`);
  };
  const range = file.ranges.get(tensor.name);
  if (range) {
    holds(range.length);
    return { ...weight, data: range };
  }
  if (tensor.data_location !== TensorProtoDataLocation.EXTERNAL) {
    // packed numbers stand in raw data alone, or unpacked in typed fields that are not read
    if (size >= 1 || tensor.raw_data) holds(tensorBytes(tensor).byteLength);
    else throw invalid("must hold its packed numbers as raw data: it has none");
    return { ...weight, data: tensor };
  }
  return { ...weight, data: externalRange() };

  function externalRange(): WeightRange {
    const entries = new Map(
      tensor.external_data.map(({ key, value }) => [key, value]),
    );
    const location = entries.get("location") ?? "";
    if (!staysInside(location)) {
      throw invalid(
        `must lie inside the model's folder: it lies at "${location}"; save it again with its weights beside it`,
      );
    }
    const offset = Number(entries.get("offset") ?? 0);
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw invalid(
        `must have an offset of at least 0: it has ${entries.get("offset")}`,
      );
    }
    holds(Number(entries.get("length") ?? byteLength));
    return {
      location: location.replace(/^(\.\/)+/, ""),
      offset,
      length: byteLength,
    };
  }

  function invalid(found: string): PhaseskipError {
    return new PhaseskipError(
      "model-invalid",
      `Cannot use ${name} as its weight ${tensor.name} ${found}`,
    );
  }
}

/** A relative path of plain names, which no step leads out of its folder, however it is written. */
function staysInside(location: string): boolean {
  const isPlain = !/^\/|^[a-z][a-z0-9+.-]*:|[\\\0?]|%(2f|5c)/i.test(location);
  if (location === "" || !isPlain) return false;
  return !location.split("/").some((part) => /^(%2e|\.){2}$/i.test(part));
}

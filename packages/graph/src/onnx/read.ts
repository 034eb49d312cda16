// Reads an ONNX file without reading its weights: every large `raw_data` of an initializer is noted as
// a byte range and passed over, so a model of many gigabytes costs the memory of its nodes.

import type { ByteSource } from "../byte-source.js";
import { PhaseskipError } from "../errors.js";
import type { ModelProto, TensorProto } from "./onnx_pb.js";
import { readGraphProto, readModelProto, readTensorProto } from "./onnx_pb.js";
import { windowedSource } from "./windowed-source.js";
import { StrictReader, decode } from "./wire.js";

/** Bytes of one weight: where in which file. */
export interface WeightRange {
  /** The file's path relative to the model file's folder; "" is the model file itself. */
  readonly location: string;
  /** The file's path in the model's folder, of a network that was attached to another; instead of `location`. */
  readonly path?: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/** An ONNX file's structure, and where its weights lie. */
export interface OnnxFile {
  /** The model; initializers listed in `ranges` have no data of their own. */
  readonly model: ModelProto;
  /** Where the data of large initializers lie, by initializer name. */
  readonly ranges: ReadonlyMap<string, WeightRange>;
}

/** Initializers up to this many bytes stay inside the parsed model. */
export const inlineLimit = 1024;

const modelGraph = 7;
const graphInitializer = 5;
const tensorRawData = 9;
const largestModelField = 26;
/** Nodes, weights and values of one graph; the largest Unets have some ten thousand. */
const mostFields = 2 ** 18;
/** Enough for a field's tag and its length. */
const headerBytes = 20;

/** Reads protobuf fields in order. */
class FieldCursor {
  #count = 0;
  readonly source: ByteSource;
  readonly end: number;
  position: number;

  constructor(source: ByteSource, position: number, end: number) {
    this.source = source;
    this.position = position;
    this.end = end;
  }

  /** The next field's number, wire type and payload, or undefined at the end. */
  async next(): Promise<Field | undefined> {
    if (this.position >= this.end) return undefined;
    if (++this.#count > mostFields)
      throw new Error(`a message of more than ${mostFields} fields`);
    const at = this.position;
    const length = Math.min(headerBytes, this.end - at);
    const header = new StrictReader(
      await this.source.read(at, length),
    ).header();
    this.position = at + header.end;
    if (this.position > this.end)
      throw new Error(`field ${header.number} ends beyond the file`);
    return {
      number: header.number,
      at,
      start: at + header.start,
      end: this.position,
    };
  }
}

interface Field {
  readonly number: number;
  /** First byte of the tag. */
  readonly at: number;
  /** First byte of the payload. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the structure of an ONNX file.
 *
 * @param source the file
 * @param name what to call it in messages
 * @throws {PhaseskipError} `model-invalid` if the bytes are no ONNX model, or end too early
 */
export async function readOnnx(
  source: ByteSource,
  name = "model.onnx",
): Promise<OnnxFile> {
  const invalid = (found: string, cause?: unknown) =>
    new PhaseskipError(
      "model-invalid",
      `Cannot read ${name} as it is not a whole ONNX model: ${found}`,
      { cause },
    );
  if (source.size === 0) throw invalid("the file is empty");
  const head = await source.read(0, Math.min(source.size, 64));
  const text = String.fromCharCode(...head).trimStart();
  if (text.startsWith("<"))
    throw invalid("it starts like a web page (HTML or XML)");
  if (text.startsWith("{")) throw invalid("it starts like JSON");
  if (text.startsWith("version https://git-lfs")) {
    throw invalid("it is a Git LFS pointer; fetch the file that it points to");
  }
  // what the source itself fails with, a lost connection or an abort, says nothing about the model
  let lost: { readonly reason: unknown } | undefined;
  const watched: ByteSource = {
    size: source.size,
    read: (offset, length) =>
      source.read(offset, length).catch((reason: unknown) => {
        lost = { reason };
        throw reason;
      }),
  };
  let file: OnnxFile;
  try {
    file = await readFields(windowedSource(watched));
  } catch (cause) {
    if (lost) throw lost.reason;
    throw invalid(`${(cause as Error).message} (${source.size} bytes)`, cause);
  }
  if (!file.model.graph?.node.length)
    throw invalid("it holds no graph with nodes");
  // it stands behind the graph: a file that was cut between the two would else pass for whole
  if (file.model.opset_import.length === 0)
    throw invalid("it names no operator set");
  return file;
}

async function readFields(source: ByteSource): Promise<OnnxFile> {
  const rest: Uint8Array[] = [];
  const ranges = new Map<string, WeightRange>();
  let graph: ModelProto["graph"];
  const fields = new FieldCursor(source, 0, source.size);
  for (let field = await fields.next(); field; field = await fields.next()) {
    if (field.number > largestModelField)
      throw new Error(`unknown field ${field.number}`);
    if (field.number === modelGraph)
      graph = await readGraph(source, field, ranges);
    else rest.push(await source.read(field.at, field.end - field.at));
  }
  const model = decode(readModelProto, concat(rest));
  if (graph) model.graph = graph;
  return { model, ranges };
}

async function readGraph(
  source: ByteSource,
  message: Field,
  ranges: Map<string, WeightRange>,
) {
  const rest: Uint8Array[] = [];
  const initializers: TensorProto[] = [];
  const fields = new FieldCursor(source, message.start, message.end);
  for (let field = await fields.next(); field; field = await fields.next()) {
    if (field.number === graphInitializer) {
      initializers.push(await readInitializer(source, field, ranges));
    } else rest.push(await source.read(field.at, field.end - field.at));
  }
  const graph = decode(readGraphProto, concat(rest));
  graph.initializer = initializers;
  return graph;
}

async function readInitializer(
  source: ByteSource,
  message: Field,
  ranges: Map<string, WeightRange>,
): Promise<TensorProto> {
  if (message.end - message.start <= inlineLimit) {
    const own = await source.read(message.start, message.end - message.start);
    // a copy: what is decoded is a view, and would hold its whole window
    return decode(readTensorProto, own.slice());
  }
  const rest: Uint8Array[] = [];
  let range: WeightRange | undefined;
  const fields = new FieldCursor(source, message.start, message.end);
  for (let field = await fields.next(); field; field = await fields.next()) {
    if (
      field.number === tensorRawData &&
      field.end - field.start > inlineLimit
    ) {
      range = {
        location: "",
        offset: field.start,
        length: field.end - field.start,
      };
    } else rest.push(await source.read(field.at, field.end - field.at));
  }
  const tensor = decode(readTensorProto, concat(rest));
  if (range) ranges.set(tensor.name, range);
  return tensor;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((sum, part) => sum + part.byteLength, 0),
  );
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

// NumPy's array files, as far as noise and samples need them: floats of 2, 4 or 8 bytes in,
// float32 out; little-endian, C order.
// Source: numpy.lib.format, versions 1.0 to 3.0.

import { readInput, writeOutput } from "../files/file.js";

/** An array as a file holds it. */
export interface NpyArray {
  /** Length of each axis, outermost first, such as `[batch, channel, height, width]`. */
  readonly shape: readonly number[];
  /** The values, row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

interface Header {
  readonly descr: string;
  readonly isFortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the values start, in bytes. */
  readonly dataOffset: number;
}

const MAGIC = "\x93NUMPY";
const ALIGNMENT = 64;
/** Magic, version, and the longer of the two forms of the header's length. */
const SHORTEST = MAGIC.length + 2 + 4;

/** Bytes of one value, and how to read it. */
const DTYPES: Record<
  string,
  {
    readonly size: number;
    readonly read: (view: DataView, at: number) => number;
  }
> = {
  "<f2": { size: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  "<f4": { size: 4, read: (view, at) => view.getFloat32(at, true) },
  "<f8": { size: 8, read: (view, at) => view.getFloat64(at, true) },
};

/**
 * Reads an NPY file of dtype float16, float32 or float64 in C order; float64 is rounded to float32.
 * @throws {RangeError} If the file cannot be read.
 * @throws {TypeError} If it is no NPY file, truncated, too long, in Fortran order, big-endian, or of another dtype.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readInput("the array", path), path);
}

/**
 * Writes an NPY file (version 1.0, float32, C order); makes the folders above it.
 * @throws {TypeError} If the data do not fill the shape.
 * @throws {Error} If the file cannot be written.
 */
export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeOutput("the array", path, encodeNpy(array));
}

/**
 * Decodes the bytes of an NPY file, as {@link readNpy} does.
 * @param name the file's name, for messages
 * @throws {TypeError} If they are no NPY file, truncated, too long, in Fortran order, big-endian, or of another dtype.
 */
export function decodeNpy(bytes: Uint8Array, name: string): NpyArray {
  const { descr, isFortranOrder, shape, dataOffset } = decodeHeader(
    bytes,
    name,
  );
  const dtype = DTYPES[descr];
  if (dtype === undefined) {
    fail(
      name,
      `its dtype must be <f2, <f4 or <f8 (save it with array.astype("<f4"))`,
      `dtype is ${descr}`,
    );
  }
  if (isFortranOrder) {
    fail(
      name,
      "it must be in C order (save it with numpy.ascontiguousarray)",
      "order is Fortran",
    );
  }
  const count = shape.reduce((product, length) => product * length, 1);
  const wanted = count * dtype.size;
  const found = bytes.length - dataOffset;
  if (found !== wanted) {
    const state = found < wanted ? "truncated" : "longer than its header says";
    fail(
      name,
      `shape [${shape.join(", ")}] of ${descr} takes ${wanted} bytes`,
      `file is ${state}, with ${found} bytes`,
    );
  }
  const view = new DataView(
    bytes.buffer,
    bytes.byteOffset + dataOffset,
    wanted,
  );
  const data = Float32Array.from({ length: count }, (_, i) =>
    dtype.read(view, i * dtype.size),
  );
  return { shape, data };
}

/**
 * Encodes an array as the bytes of an NPY file, as {@link writeNpy} does.
 * @throws {TypeError} If the data do not fill the shape.
 */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, length) => product * length, 1);
  if (count !== data.length) {
    throw new TypeError(
      `Cannot encode an NPY file as shape [${shape.join(", ")}] takes ${count} values: current number is ${data.length}`,
    );
  }
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const prefix = MAGIC.length + 4;
  const total =
    Math.ceil((prefix + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(total + 4 * count);
  const view = new DataView(bytes.buffer);
  const text = `${MAGIC}\x01\x00\x00\x00${dictionary.padEnd(total - prefix - 1)}\n`;
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  view.setUint16(MAGIC.length + 2, total - prefix, true);
  data.forEach((value, i) => view.setFloat32(total + 4 * i, value, true));
  return bytes;
}

function decodeHeader(bytes: Uint8Array, name: string): Header {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    fail(
      name,
      "it must be a NumPy array file (numpy.save writes one)",
      `file starts with ${startOf(bytes)}`,
    );
  }
  if (bytes.length < SHORTEST) {
    fail(
      name,
      `its header takes at least ${SHORTEST} bytes`,
      `file is truncated, with ${bytes.length} bytes`,
    );
  }
  const major = bytes[MAGIC.length]!;
  if (major < 1 || major > 3) {
    fail(name, "its format version must be 1, 2 or 3", `version is ${major}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthOffset = MAGIC.length + 2;
  const length =
    major === 1
      ? view.getUint16(lengthOffset, true)
      : view.getUint32(lengthOffset, true);
  const start = lengthOffset + (major === 1 ? 2 : 4);
  const dataOffset = start + length;
  if (dataOffset > bytes.length) {
    fail(
      name,
      `its header takes ${dataOffset} bytes`,
      `file is truncated, with ${bytes.length} bytes`,
    );
  }
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(
    bytes.subarray(start, dataOffset),
  );
  const descr =
    /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[.*?\])\s*,\s*['"])/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text);
  const shape = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(text);
  if (descr === null || order === null || shape === null) {
    fail(
      name,
      "its header must give descr, fortran_order and shape",
      `header is ${JSON.stringify(text.trim())}`,
    );
  }
  return {
    descr: descr[1] ?? descr[2]!,
    isFortranOrder: order[1] === "True",
    shape: (shape[1]!.match(/\d+/g) ?? []).map(Number),
    dataOffset,
  };
}

/** The value of an IEEE 754 half-precision number. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function startOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing (it is empty)";
  return JSON.stringify(String.fromCharCode(...bytes.subarray(0, 8)));
}

function fail(name: string, wanted: string, found: string): never {
  throw new TypeError(`Cannot read ${name} as ${wanted}: current ${found}`);
}

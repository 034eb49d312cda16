// Pictures and arrays that a user hands to the command.

import { readFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";
import { encode } from "fast-png";
import { decodeNpy, encodeNpy } from "../../packages/cli/src/pictures/npy.js";
import { decodePng } from "../../packages/cli/src/pictures/png.js";
import type { Kind } from "../kind.js";
import { mutateBytes } from "../mutate-bytes.js";
import type { Random } from "../random.js";

/** PNG: chunks whose sizes, types and checks are changed. */
export const pngKind: Kind = {
  name: "PNG",
  share: 8,
  open: () => {
    const data = Uint8Array.from({ length: 8 * 8 * 4 }, (_, i) => i % 251);
    const starts = ([1, 2, 3, 4] as const).map((channels) =>
      chunksOf(
        encode({
          data: data.subarray(0, 64 * channels),
          width: 8,
          height: 8,
          channels,
          depth: 8,
        }),
      ),
    );
    return Promise.resolve((random) => {
      const bytes = mutatePng(random.pick(starts), random);
      return () => decodePng(bytes);
    });
  },
};

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function mutatePng(start: readonly Chunk[], random: Random): Uint8Array {
  const chunks = start.map(({ type, data }) => ({ type, data: data.slice() }));
  const at = random.below(chunks.length);
  const header = new DataView(chunks[0]!.data.buffer);
  switch (random.below(7)) {
    case 0: // a size that no file of this length holds
      header.setUint32(
        random.pick([0, 4]),
        random.pick([0, 1, 9, 2 ** 16, 2 ** 31 - 1, 2 ** 32 - 1]),
      );
      break;
    case 1: // depth, colours, filter, interlacing
      header.setUint8(
        8 + random.below(5),
        random.pick([0, 1, 2, 3, 4, 6, 8, 16, 255]),
      );
      break;
    case 2: // what unpacks to far more
      chunks.splice(1, 0, {
        type: "IDAT",
        data: new Uint8Array(
          deflateSync(new Uint8Array(random.pick([10, 2 ** 20, 2 ** 25]))),
        ),
      });
      break;
    case 3:
      chunks.splice(random.below(chunks.length), 0, chunks[at]!);
      break;
    case 4:
      chunks.splice(at, 1);
      break;
    case 5:
      chunks[at]!.type = random.pick([
        "PLTE",
        "tRNS",
        "IEND",
        "tEXt",
        "iCCP",
        "pHYs",
        "acTL",
        "fdAT",
        "zzzz",
      ]);
      break;
    default:
      chunks[at]!.data = mutateBytes(chunks[at]!.data, random);
  }
  const bytes = Buffer.concat([signature, ...chunks.map(written)]);
  return random.chance(0.2) ? mutateBytes(bytes, random) : bytes;
}

function written({ type, data }: Chunk): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(
    crc32(bytes.subarray(4, 8 + data.length)),
    8 + data.length,
  );
  return bytes;
}

/** PNG's check of a chunk (ISO/IEC 15948, annex D). */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++)
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ -1) >>> 0;
}

/** NPY: headers that claim other arrays than the file holds. */
export const npyKind: Kind = {
  name: "NPY",
  share: 6,
  open: async () => {
    const folder = new URL(
      "../../packages/runtime/test/golden/",
      import.meta.url,
    );
    const noise = new Uint8Array(
      await readFile(new URL("tiny-sd-ts.noise.npy", folder)),
    );
    const small = encodeNpy({ shape: [2, 3], data: new Float32Array(6) });
    return (random) => {
      const bytes = mutateNpy(random.pick([noise, small]), random);
      return () => decodeNpy(bytes, "noise.npy");
    };
  },
};

function mutateNpy(start: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.4)) return mutateBytes(start, random);
  const shape = Array.from({ length: random.below(5) }, () =>
    random.pick([
      "0",
      "1",
      "3",
      "65536",
      "4294967296",
      "99999999999999999999",
      "-1",
      "1L",
      "x",
    ]),
  );
  const fields = [
    `'descr': ${random.pick(["'<f4'", "'<f2'", "'<f8'", "'>f4'", "'|O'", "[('a', '<f4')]", "'"])}`,
    `'fortran_order': ${random.pick(["False", "True", "0"])}`,
    `'shape': (${shape.join(", ")}${random.pick(["", ","])})`,
  ].filter(() => random.chance(0.95));
  const header = `{${fields.join(", ")}, }${" ".repeat(random.pick([0, 3, 60000]))}\n`;
  const data = start.subarray(start.length - random.below(65));
  const bytes = Buffer.alloc(10 + header.length + data.length);
  bytes.set([
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    random.pick([1, 1, 1, 2, 3, 9]),
    0,
  ]);
  bytes.writeUInt16LE(
    random.chance(0.9) ? header.length : random.below(65536),
    8,
  );
  bytes.write(header, 10, "latin1");
  bytes.set(data, 10 + header.length);
  return bytes;
}

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  decodeNpy,
  encodeNpy,
  readNpy,
  writeNpy,
} from "../src/pictures/npy.js";

const goldenPath = (name: string) =>
  fileURLToPath(new URL(`golden/${name}.npy`, import.meta.url));
const golden = (name: string) => readFile(goldenPath(name));
/** What models/golden_npy.py puts into its arrays. */
const ramp = (count: number) =>
  Float32Array.from({ length: count }, (_, i) => (i - 12) / 8);
const latin1 = (text: string) =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-npy-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("readNpy()", () => {
  test.each(["f2", "f4", "f8", "version-2", "version-3"])(
    "reads numpy's %s",
    async (name) => {
      expect(await readNpy(goldenPath(name))).toEqual({
        shape: [1, 3, 2, 4],
        data: ramp(24),
      });
    },
  );
  test.each([
    ["vector", [5], ramp(5)],
    ["scalar", [], Float32Array.of(0.5)],
    ["empty", [0, 3], new Float32Array(0)],
  ])("reads numpy's %s", async (name, shape, data) => {
    expect(await readNpy(goldenPath(name))).toEqual({ shape, data });
  });
  test.each([
    [
      "fortran",
      "it must be in C order (save it with numpy.ascontiguousarray): current order is Fortran",
    ],
    ["big-endian", "its dtype must be <f2, <f4 or <f8"],
    ["big-endian", "current dtype is >f4"],
    ["int64", "current dtype is <i8"],
    ["complex", "current dtype is <c8"],
    ["structured", "current dtype is [('a', '<f4'), ('b', '<i4')]"],
  ])("throws TypeError for numpy's %s: %s", async (name, message) => {
    await expect(readNpy(goldenPath(name))).rejects.toThrow(TypeError);
    await expect(readNpy(goldenPath(name))).rejects.toThrow(message);
  });
  test("throws RangeError that names a file that is missing or a folder", async () => {
    const missing = join(folder, "missing.npy");
    await expect(readNpy(missing)).rejects.toThrow(RangeError);
    await expect(readNpy(missing)).rejects.toThrow(
      `Cannot read the array as ${missing} must be a file that exists and may be read: ` +
        "current state is no such file (ENOENT)",
    );
    await expect(readNpy(folder)).rejects.toThrow(
      "a folder, not a file (EISDIR)",
    );
  });
});

describe("decodeNpy()", () => {
  test("widens all float16 numbers as numpy does", () => {
    const header = latin1(
      "\x93NUMPY\x01\x00\x46\x00{'descr': '<f2', 'fortran_order': False, 'shape': (65536,), }",
    );
    const bytes = new Uint8Array(80 + 2 * 65536).fill(0x20, header.length, 79);
    bytes.set(header);
    bytes[79] = 0x0a;
    for (let i = 0; i < 65536; i++) bytes.set([i & 255, i >> 8], 80 + 2 * i);
    const { data } = decodeNpy(bytes, "halves.npy");
    const numbers = data.filter((value) => !Number.isNaN(value));
    expect(numbers.length).toBe(63490);
    // sha256 of a[~isnan(a)] for a = arange(65536, dtype="<u2").view("<f2").astype("<f4"), by numpy 2.4.6.
    expect(
      createHash("sha256").update(new Uint8Array(numbers.buffer)).digest("hex"),
    ).toBe("680bbc22915f61aa1bbfc7265bc3882a6aa42d299bfd2c571807196e5544de2e");
  });
  test("throws TypeError for every file that is cut anywhere, or goes on", async () => {
    const bytes = await golden("f4");
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeNpy(bytes.subarray(0, length), "x.npy")).toThrow(
        TypeError,
      );
    }
    expect(() => decodeNpy(bytes.subarray(0, 8), "x.npy")).toThrow(
      "current file is truncated, with 8 bytes",
    );
    expect(() => decodeNpy(bytes.subarray(0, 200), "x.npy")).toThrow(
      "Cannot read x.npy as shape [1, 3, 2, 4] of <f4 takes 96 bytes: current file is truncated, with 72 bytes",
    );
    expect(() => decodeNpy(Buffer.concat([bytes, bytes]), "x.npy")).toThrow(
      "longer than its header says",
    );
  });
  test("throws TypeError for what is no NPY file", () => {
    const decode = (text: string) => () => decodeNpy(latin1(text), "x.npy");
    expect(decode("")).toThrow(
      "current file starts with nothing (it is empty)",
    );
    expect(decode("<!DOCTYPE html>")).toThrow(
      'current file starts with "<!DOCTYP"',
    );
    expect(decode("PK\x03\x04 an archive of arrays")).toThrow(TypeError);
    expect(decode("\x93NUMPY\x04\x00\x46\x00  ")).toThrow(
      "its format version must be 1, 2 or 3: current version is 4",
    );
    expect(decode("\x93NUMPY\x01\x00\x02\x00{}")).toThrow(
      'current header is "{}"',
    );
  });
  test("reads from bytes at any offset of their buffer", async () => {
    const bytes = await golden("f8");
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    expect(decodeNpy(moved.subarray(3), "x.npy").data).toEqual(ramp(24));
  });
});

describe("encodeNpy() and writeNpy()", () => {
  test("write the bytes that numpy writes", async () => {
    expect(
      Buffer.from(encodeNpy({ shape: [1, 3, 2, 4], data: ramp(24) })),
    ).toEqual(await golden("f4"));
    expect(Buffer.from(encodeNpy({ shape: [5], data: ramp(5) }))).toEqual(
      await golden("vector"),
    );
    expect(
      Buffer.from(encodeNpy({ shape: [], data: Float32Array.of(0.5) })),
    ).toEqual(await golden("scalar"));
  });
  test("give back what was written, whatever the shape and values", () => {
    const anyShape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 7 });
    fc.assert(
      fc.property(anyShape, fc.float(), (shape, value) => {
        const count = shape.reduce((product, length) => product * length, 1);
        const array = {
          shape,
          data: Float32Array.from({ length: count }, (_, i) => value + i),
        };
        const bytes = encodeNpy(array);
        expect((bytes.length - 4 * count) % 64).toBe(0);
        expect(decodeNpy(bytes, "x.npy")).toEqual(array);
      }),
    );
  });
  test("make the folders above the file", async () => {
    const path = join(folder, "a", "b", "sample.npy");
    const array = { shape: [2, 2], data: ramp(4) };
    await writeNpy(path, array);
    expect(await readNpy(path)).toEqual(array);
  });
  test("throw TypeError when the data do not fill the shape", () => {
    expect(() => encodeNpy({ shape: [2, 3], data: ramp(5) })).toThrow(
      "Cannot encode an NPY file as shape [2, 3] takes 6 values: current number is 5",
    );
  });
  test("throw an error that names the file where it cannot be", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const path = join(file, "sample.npy");
    await expect(writeNpy(path, { shape: [1], data: ramp(1) })).rejects.toThrow(
      `Cannot write the array as ${path} must be in a folder that may be written: current state is a file`,
    );
  });
});

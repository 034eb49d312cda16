import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Picture } from "@phaseskip/metrics";
import fc from "fast-check";
import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { grid, intoRows, upscale } from "../src/pictures/picture-grid.js";
import { decodePng, encodePng, writePng } from "../src/pictures/png.js";

/** A picture whose red channel counts its pixels from `first`. */
function counting(
  width: number,
  height: number,
  first: number,
  alpha = 255,
): Picture {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++)
    data.set([first + i, 2 * i, 200, alpha], 4 * i);
  return { data, width, height };
}

const reds = ({ data, width, height }: Picture) =>
  Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => data[4 * (y * width + x)]),
  );

describe("encodePng()", () => {
  test("writes an opaque picture as RGB and keeps every value", () => {
    const picture = counting(3, 2, 10);
    const { width, height, channels, depth, data } = decode(encodePng(picture));
    expect({ width, height, channels, depth }).toEqual({
      width: 3,
      height: 2,
      channels: 3,
      depth: 8,
    });
    expect([...data.subarray(0, 6)]).toEqual([10, 0, 200, 11, 2, 200]);
  });
  test("writes a picture with a clear pixel as RGBA", () => {
    const picture = counting(3, 2, 10);
    picture.data[7] = 0;
    const { channels, data } = decode(encodePng(picture));
    expect(channels).toBe(4);
    expect([...data]).toEqual([...picture.data]);
  });
  test("loses nothing, whatever the picture", () => {
    const side = fc.integer({ min: 1, max: 12 });
    const anyPicture = fc.tuple(side, side).chain(([width, height]) => {
      const length = width * height * 4;
      return fc
        .uint8ClampedArray({ minLength: length, maxLength: length })
        .map((data) => ({ data, width, height }) satisfies Picture);
    });
    fc.assert(
      fc.property(anyPicture, (picture) => {
        picture.data[3] = 0;
        expect([...decode(encodePng(picture)).data]).toEqual([...picture.data]);
      }),
    );
  });
  test("repeats pixels by its scale", () => {
    const { width, height, data } = decode(
      encodePng(counting(2, 1, 10), { scale: 2 }),
    );
    expect([width, height]).toEqual([4, 2]);
    expect([0, 3, 6, 9, 12, 15, 18, 21].map((i) => data[i])).toEqual([
      10, 10, 11, 11, 10, 10, 11, 11,
    ]);
  });
  test("throws for data that are not RGBA, an empty picture, and a scale that is no positive integer", () => {
    const rgb = { data: new Uint8ClampedArray(12), width: 2, height: 2 };
    expect(() => encodePng(rgb)).toThrow(TypeError);
    expect(() => encodePng(rgb)).toThrow(
      "must hold 16 RGBA samples: current number is 12",
    );
    expect(() =>
      encodePng({ data: new Uint8ClampedArray(0), width: 0, height: 1 }),
    ).toThrow(RangeError);
    for (const scale of [0, 1.5, -1, NaN]) {
      expect(() => encodePng(counting(1, 1, 0), { scale })).toThrow(RangeError);
    }
  });
});

describe("decodePng()", () => {
  /** Written by Pillow. */
  const kinds: readonly [string, string, readonly number[]][] = [
    [
      "black and white",
      "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR42mNIYFIAAAFIAIMMtY70AAAAAElFTkSuQmCC",
      [0, 1, 1, 1, 0, 0].flatMap((v) => [255 * v, 255 * v, 255 * v, 255]),
    ],
    [
      "a palette of two bits",
      "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgMAAADgGo6JAAAACVBMVEUKFB4oMjz/AAdzQjH2AAAADElEQVR42mOQYJgAAADcAKlSGhOPAAAAAElFTkSuQmCC",
      [
        [10, 20, 30],
        [40, 50, 60],
        [255, 0, 7],
        [255, 0, 7],
        [40, 50, 60],
        [10, 20, 30],
      ].flatMap((rgb) => [...rgb, 255]),
    ],
    [
      "grey of 16 bits",
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR42mMQMvn/HwAD5gJF8RyEZQAAAABJRU5ErkJggg==",
      [18, 18, 18, 255, 255, 255, 255, 255],
    ],
    [
      "grey with alpha",
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAQAAABeK7cBAAAADUlEQVR42mPg/H+CGQAEuQHUCfWvqAAAAABJRU5ErkJggg==",
      [9, 9, 9, 255, 200, 200, 200, 3],
    ],
  ];
  test.each(kinds)("reads %s", (_, base64, right) => {
    const { data } = decodePng(Buffer.from(base64, "base64"));
    expect([...data]).toEqual(right);
  });

  test("reads what encodePng() writes", () => {
    for (const alpha of [255, 9]) {
      const picture = counting(3, 2, 7, alpha);
      expect(decodePng(encodePng(picture))).toEqual(picture);
    }
  });
});

test("writePng() makes the folders above the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "phaseskip-png-"));
  const path = join(folder, "a", "b", "picture.png");
  await writePng(path, counting(2, 2, 0), { scale: 3 });
  const { width } = decode(await readFile(path));
  expect(width).toBe(6);
  await rm(folder, { recursive: true });
});

describe("upscale()", () => {
  test("repeats every pixel in both directions", () => {
    expect(reds(upscale(counting(2, 2, 1), 2))).toEqual([
      [1, 1, 2, 2],
      [1, 1, 2, 2],
      [3, 3, 4, 4],
      [3, 3, 4, 4],
    ]);
  });
  test("by 1 gives an equal picture with its own data", () => {
    const picture = counting(3, 2, 0);
    const same = upscale(picture, 1);
    expect(same).toEqual(picture);
    expect(same.data).not.toBe(picture.data);
  });
  test("takes data at any offset of their buffer", () => {
    const { data, width, height } = counting(2, 1, 7);
    const moved = new Uint8ClampedArray(data.length + 1);
    moved.set(data, 1);
    expect(
      reds(upscale({ data: moved.subarray(1), width, height }, 1)),
    ).toEqual([[7, 8]]);
  });
});

describe("grid()", () => {
  test("puts rows below each other, with the gap between and the background in free cells", () => {
    const sheet = grid(
      [[counting(2, 1, 10), counting(2, 1, 20)], [counting(2, 1, 30)]],
      {
        gap: 1,
        background: [5, 6, 7, 255],
      },
    );
    expect(reds(sheet)).toEqual([
      [10, 11, 5, 20, 21],
      [5, 5, 5, 5, 5],
      [30, 31, 5, 5, 5],
    ]);
    expect([...sheet.data.subarray(8, 12)]).toEqual([5, 6, 7, 255]);
  });
  test("leaves 2 white pixels between pictures unless told otherwise", () => {
    const sheet = grid([[counting(1, 1, 0), counting(1, 1, 0)]]);
    expect(reds(sheet)).toEqual([[0, 255, 255, 0]]);
  });
  test("throws RangeError without pictures, for different sizes, and for a broken gap", () => {
    expect(() => grid([])).toThrow(
      "Cannot make a grid as it must hold at least one picture: current number is 0",
    );
    expect(() => grid([[]])).toThrow(RangeError);
    expect(() => grid([[counting(2, 1, 0), counting(1, 2, 0)]])).toThrow(
      "current values are 2 × 1 and 1 × 2",
    );
    expect(() => grid([[counting(1, 1, 0)]], { gap: -1 })).toThrow(RangeError);
  });
});

describe("intoRows()", () => {
  const pictures = Array.from({ length: 7 }, (_, i) => counting(1, 1, i));
  test("makes about a square unless told otherwise", () => {
    expect(intoRows(pictures).map((row) => row.length)).toEqual([3, 3, 1]);
    expect(intoRows(pictures.slice(0, 4)).map((row) => row.length)).toEqual([
      2, 2,
    ]);
    expect(intoRows([])).toEqual([]);
  });
  test("honours columns and keeps the order", () => {
    expect(intoRows(pictures, 5).map((row) => row.length)).toEqual([5, 2]);
    expect(intoRows(pictures, 5).flat()).toEqual(pictures);
    expect(() => intoRows(pictures, 0)).toThrow(RangeError);
  });
});

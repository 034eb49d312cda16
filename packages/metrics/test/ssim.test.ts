import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  lowPassSsim,
  meanAbsoluteError,
  msSsim,
  psnr,
  ssim,
} from "../src/index.js";
import { anyPair, anyPicture, flat, fromRgb, readGolden } from "./pictures.js";

interface GoldenPictures {
  width: number;
  height: number;
  picture: string;
  mask: string;
  cases: {
    name: string;
    picture: string;
    ssim: number;
    maskedSsim: number;
    lowPassSsim: number;
    lowPassSsimSigma1: number;
    msSsim: number;
    psnr: number;
    meanAbsoluteError: number;
  }[];
  patterns: GoldenPattern[];
}

interface GoldenPattern {
  width: number;
  height: number;
  ssim: number;
  /** Absent for sides that pytorch-msssim would pad. */
  msSsim?: number;
}

const TOLERANCE = 1e-10;

const golden = readGolden<GoldenPictures>("pictures");
const { width, height } = golden;
const decode = (text: string) => Buffer.from(text, "base64");
const photo = fromRgb(decode(golden.picture), width, height);
const mask = decode(golden.mask);

const hasMsSsim = (golden: GoldenPattern): golden is Required<GoldenPattern> =>
  golden.msSsim !== undefined;

function expectClose(value: number, wanted: number, tolerance = TOLERANCE) {
  expect(Math.abs(value - wanted), `${value} for ${wanted}`).toBeLessThan(
    tolerance,
  );
}

/** The formula of models/golden_metrics.py. */
function pattern(w: number, h: number, variant: number) {
  const rgb: number[] = [];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const wave =
        Math.floor(((Math.floor((x * x) / 24) + y * 3) % 256) / 2) +
        ((Math.floor(x / 9) + Math.floor(y / 7)) % 5) * 25;
      const grain = Math.floor(
        (((x * 31 + y * 17 + x * y * 7) % 64) * variant) / 3,
      );
      rgb.push(
        (wave + grain) % 256,
        (Math.floor((wave * 2) / 3) + grain + x) % 256,
        (255 - wave + grain) % 256,
      );
    }
  }
  return fromRgb(rgb, w, h);
}

describe.each(golden.cases)("golden values, $name", (wanted) => {
  const other = fromRgb(decode(wanted.picture), width, height);

  test("ssim() agrees with scikit-image on its valid area", () => {
    expectClose(ssim(photo, other), wanted.ssim);
  });
  test("ssim() with a mask is the weighted mean of scikit-image's map", () => {
    expectClose(ssim(photo, other, { mask }), wanted.maskedSsim);
  });
  test("lowPassSsim() agrees with scipy's blur and scikit-image", () => {
    expectClose(lowPassSsim(photo, other), wanted.lowPassSsim);
    expectClose(
      lowPassSsim(photo, other, { sigma: 1 }),
      wanted.lowPassSsimSigma1,
    );
  });
  test("msSsim() agrees with scipy on three scales", () => {
    const { value, scales } = msSsim(photo, other);
    expect(scales).toBe(3);
    expectClose(value, wanted.msSsim);
  });
  test("psnr() and meanAbsoluteError() agree with scikit-image and numpy", () => {
    expectClose(psnr(photo, other), wanted.psnr);
    expectClose(meanAbsoluteError(photo, other), wanted.meanAbsoluteError);
  });
});

describe.each(golden.patterns)("golden pattern, $width × $height", (wanted) => {
  const a = pattern(wanted.width, wanted.height, 0);
  const b = pattern(wanted.width, wanted.height, 1);

  test("ssim() agrees with scikit-image, 11 pixels wide from 128 on", () => {
    expectClose(ssim(a, b), wanted.ssim);
  });
});

describe.each(golden.patterns.filter(hasMsSsim))(
  "golden pattern, $width × $height",
  (wanted) => {
    test("msSsim() agrees with pytorch-msssim on five scales", () => {
      const a = pattern(wanted.width, wanted.height, 0);
      const b = pattern(wanted.width, wanted.height, 1);
      const { value, scales } = msSsim(a, b);
      expect(scales).toBe(5);
      expectClose(value, wanted.msSsim);
    });
  },
);

describe("properties", () => {
  test("ssim(), lowPassSsim() and msSsim() of a picture with itself are exactly 1", () => {
    fc.assert(
      fc.property(anyPicture(7, 20), (picture) => {
        expect(ssim(picture, picture)).toBe(1);
        expect(lowPassSsim(picture, picture)).toBe(1);
        expect(msSsim(picture, picture).value).toBe(1);
      }),
    );
  });
  test("all similarities are symmetric and in range", () => {
    fc.assert(
      fc.property(anyPair(7, 20), ([a, b]) => {
        expect(ssim(a, b)).toBe(ssim(b, a));
        expect(Math.abs(ssim(a, b))).toBeLessThanOrEqual(1 + TOLERANCE);
        expect(lowPassSsim(a, b)).toBe(lowPassSsim(b, a));
        expect(msSsim(a, b)).toEqual(msSsim(b, a));
        expect(msSsim(a, b).value).toBeGreaterThanOrEqual(0);
        expect(msSsim(a, b).value).toBeLessThanOrEqual(1 + TOLERANCE);
      }),
    );
  });
  test("ssim() does not look at alpha", () => {
    const opaque = fromRgb(decode(golden.picture), width, height);
    const clear = fromRgb(decode(golden.picture), width, height, 0);
    expect(ssim(opaque, clear)).toBe(1);
    expect(psnr(opaque, clear)).toBe(Infinity);
  });
  test("ssim() with equal weights everywhere equals ssim() without a mask", () => {
    const other = fromRgb(decode(golden.cases[0]!.picture), width, height);
    const even = new Float32Array(width * height).fill(0.5);
    expectClose(ssim(photo, other, { mask: even }), ssim(photo, other), 1e-15);
  });
  test("ssim() with a mask ignores a change that no counted window sees", () => {
    const changed = Uint8ClampedArray.from(photo.data);
    changed.fill(0, 0, 4 * width * 5);
    const lower = new Uint8Array(width * height).fill(1, width * 8);
    const other = { ...photo, data: changed };
    expect(ssim(photo, other, { mask: lower })).toBe(1);
    expect(ssim(photo, other)).toBeLessThan(1);
  });
  test("msSsim() reports the scales that the picture allows", () => {
    for (const [side, scales] of [
      [7, 1],
      [13, 1],
      [14, 2],
      [32, 3],
      [127, 5],
      [128, 4],
      [176, 5],
    ] as const) {
      expect(msSsim(flat(side, side, 9), flat(side, side, 9)).scales).toBe(
        scales,
      );
    }
  });
});

describe("errors", () => {
  test("every distance throws RangeError when the sizes differ", () => {
    const a = flat(16, 16, 0);
    const b = flat(16, 17, 0);
    for (const distance of [ssim, lowPassSsim, msSsim, psnr]) {
      expect(() => distance(a, b)).toThrow(RangeError);
    }
    expect(() => meanAbsoluteError(a, b)).toThrow(
      "Cannot compute the mean absolute error as both pictures must have the same size: " +
        "current values are 16 × 16 and 16 × 17",
    );
  });
  test("ssim() throws RangeError when the picture is smaller than the window", () => {
    expect(() => ssim(flat(6, 40, 0), flat(6, 40, 0))).toThrow(
      "Cannot compute SSIM as the window needs pictures of at least 7 × 7 pixels: " +
        "current size is 6 × 40",
    );
  });
  test("ssim() throws TypeError when the data are not RGBA", () => {
    const rgb = { ...flat(16, 16, 0), data: new Uint8ClampedArray(768) };
    expect(() => ssim(rgb, rgb)).toThrow(TypeError);
    expect(() => ssim(rgb, rgb)).toThrow(
      "must hold 1024 RGBA samples: current number is 768",
    );
  });
  test("ssim() throws RangeError when a side is no positive integer", () => {
    const broken = { data: new Uint8ClampedArray(0), width: 0, height: 7 };
    expect(() => ssim(broken, broken)).toThrow(RangeError);
  });
  test("ssim() throws when the mask has another size, no weight, or a negative one", () => {
    const picture = flat(16, 16, 0);
    const withMask = (values: ArrayLike<number>) => () =>
      ssim(picture, picture, { mask: values });
    expect(withMask(new Uint8Array(255))).toThrow(TypeError);
    expect(withMask(new Uint8Array(256))).toThrow(RangeError);
    expect(withMask(new Int8Array(256).fill(-1))).toThrow(RangeError);
    expect(withMask(new Float32Array(256).fill(NaN))).toThrow(RangeError);
    const edgeOnly = new Uint8Array(256).fill(1, 0, 16);
    expect(withMask(edgeOnly)).toThrow("3 or more pixels away from every edge");
  });
  test("lowPassSsim() throws RangeError when sigma is not above 0", () => {
    const picture = flat(16, 16, 0);
    for (const sigma of [0, -1, NaN, Infinity]) {
      expect(() => lowPassSsim(picture, picture, { sigma })).toThrow(
        RangeError,
      );
    }
  });
});

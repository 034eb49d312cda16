// The examples that need no build, made of their folder and the packed tarballs, in Chromium.
// Those that are installed and built: e2e/examples.ts.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "./browser.js";
import { pictureTolerance } from "./conformance/requests.js";
import { examples } from "./examples/example.js";
import { packPackages } from "./examples/packed.js";
import {
  drawExpected,
  levelsApart,
  visit,
  type Pixels,
} from "./examples/visit.js";

let folder: string;
let tarballs: readonly string[];
let expected: Pixels;
let browser: Browser | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "phaseskip-tarballs-"));
  tarballs = await packPackages(folder);
  browser = await launchBrowser([], false);
  expected = await drawExpected();
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test.each(
  examples.filter(({ isBuilt }) => !isBuilt).map((e) => [e.name, e] as const),
)(
  "%s draws Node's picture under the policy of its README, without a complaint",
  async (_, example) => {
    if (!browser) return test.skip("there is no Chromium");
    const { picture, errors } = await visit(example, tarballs, browser);
    expect(errors).toEqual([]);
    expect(levelsApart(picture, expected)).toBeLessThanOrEqual(
      pictureTolerance,
    );
  },
  300_000,
);

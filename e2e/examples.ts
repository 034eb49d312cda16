// Every example, copied, installed from packed tarballs, built, served as its README says, and opened in Chromium.
//   npm run e2e:examples            all of them; needs the registry for their other packages
//   npm run e2e:examples -- next    narrows, by the beginning of a name
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchBrowser } from "./browser.js";
import { pictureTolerance } from "./conformance/requests.js";
import { examples } from "./examples/example.js";
import { packPackages } from "./examples/packed.js";
import { drawExpected, levelsApart, visit } from "./examples/visit.js";

const wanted = process.argv.slice(2);
const chosen = examples.filter(
  ({ name }) =>
    wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
);

const browser = await launchBrowser([], false);
if (!browser) {
  console.error("skipped: every example: there is no Chromium");
  process.exit(1);
}
const folder = await mkdtemp(join(tmpdir(), "phaseskip-tarballs-"));
let failed = chosen.length === 0 ? 1 : 0;
try {
  const tarballs = await packPackages(folder);
  const expected = await drawExpected();
  for (const example of chosen) {
    const started = performance.now();
    const outcome = await visit(example, tarballs, browser).then(
      ({ picture, errors }) => {
        const apart = levelsApart(picture, expected);
        if (errors.length > 0) return `failed: ${errors.join("; ")}`;
        return apart <= pictureTolerance
          ? `ok: the picture is Node's, levels at most ${apart} apart`
          : `failed: the picture's levels are up to ${apart} from Node's`;
      },
      (error: Error) => `failed: ${error.message}`,
    );
    if (outcome.startsWith("failed")) failed++;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${example.name.padEnd(40)} ${seconds.padStart(6)} s  ${outcome}`,
    );
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;

// Two builds of phaseskip on one origin and its cache, in every engine: an upgrade, a downgrade, and both at once in two
// tabs. Takes two prebuilt folders, the older one first:
//   npm run e2e:versions -- OLDER/packages/phaseskip/dist/prebuilt packages/phaseskip/dist/prebuilt
import { existsSync } from "node:fs";
import { engineNames, type Engine } from "./engines/engine.js";
import { launchEngine } from "./engines/launch-engine.js";
import { serveFiles, type Served } from "./serve.js";

/** What a page leaves: how many files it fetched, and the levels that it drew. */
interface Seen {
  readonly downloads: number;
  readonly levels: string;
  readonly error?: string;
}

const page = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { loadPipeline } from "./phaseskip.js";
  const fetched = new Set();
  try {
    const pipeline = await loadPipeline(new URLSearchParams(location.search).get("model"), {
      worker: () => new Worker(new URL("phaseskip.worker.js", location.href), { type: "module" }),
      device: "wasm",
      onProgress: (event) => event.kind === "download" && fetched.add(event.path),
    });
    const { images } = await pipeline.generate({ prompt: "a red boat", seed: 7, numInferenceSteps: 4 });
    pipeline.dispose();
    globalThis.seen = { downloads: fetched.size, levels: String(images[0].data) };
  } catch (error) {
    globalThis.seen = { downloads: fetched.size, levels: "", error: String(error) };
  }
</script>`;

const [older, newer] = process.argv.slice(2);
for (const folder of [older, newer]) {
  if (folder !== undefined && existsSync(`${folder}/phaseskip.js`)) continue;
  console.error(
    `Cannot compare two versions as there must be two prebuilt folders: current value is ${folder ?? "none"}`,
  );
  process.exit(2);
}

const served: Served = await serveFiles({
  pages: { "/older/": page, "/newer/": page },
  folders: {
    "/older/": older!,
    "/newer/": newer!,
    "/upgrade/": "models/tiny-text-ts",
    "/downgrade/": "models/tiny-text-ts",
    "/both/": "models/tiny-text-ts",
  },
});

/** Opens a version's page on a model, which has an address of its own. */
async function open(
  engine: Engine,
  version: "older" | "newer",
  model: string,
): Promise<Seen> {
  const url = `${served.origin}/${version}/?model=/${model}/`;
  const { result } = await engine.openPage(url, {
    result: "globalThis.seen",
    patience: 120_000,
  });
  const seen = result as Seen;
  if (seen.error !== undefined) throw new Error(`${version}: ${seen.error}`);
  return seen;
}

/** Loads with one version, then twice with the other: the first fetches all, and all draw the same. */
async function change(
  engine: Engine,
  model: string,
  [first, then]: readonly ["older" | "newer", "older" | "newer"],
): Promise<string> {
  const begun = await open(engine, first, model);
  const changed = await open(engine, then, model);
  const back = await open(engine, first, model);
  if (begun.downloads === 0) throw new Error("the first load fetched nothing");
  if (new Set([begun, changed, back].map(({ levels }) => levels)).size > 1)
    throw new Error("they draw different pictures");
  return `${first} fetched ${begun.downloads} files, ${then} then ${changed.downloads}, ${first} again ${back.downloads}`;
}

async function both(engine: Engine): Promise<string> {
  if (engine.name === "webkit") return "its driver shows one tab at a time";
  const [one, other] = await Promise.all([
    open(engine, "older", "both"),
    open(engine, "newer", "both"),
  ]);
  if (one.levels !== other.levels)
    throw new Error("they draw different pictures");
  return `older fetched ${one.downloads} files, newer ${other.downloads}`;
}

let failed = 0;
for (const name of engineNames) {
  const engine = await launchEngine(name);
  if ("reason" in engine) {
    console.log(`skipped: ${engine.reason}`);
    continue;
  }
  console.log(engine.version);
  const cases = {
    upgrade: () => change(engine, "upgrade", ["older", "newer"]),
    downgrade: () => change(engine, "downgrade", ["newer", "older"]),
    "two tabs": () => both(engine),
  };
  for (const [what, run] of Object.entries(cases)) {
    const said = await run().catch((error: unknown) => {
      failed++;
      return `failed: ${String(error)}`;
    });
    console.log(`  ${what}: ${said}`);
  }
  await engine.close();
}
await served.close();
process.exit(failed > 0 ? 1 : 0);

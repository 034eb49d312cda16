// Runs cases of the conformance page in engines, a page for each, and gathers what came of them.
import { build, type Plugin } from "esbuild";
import { existsSync, mkdirSync } from "node:fs";
import type { ConformanceCase, Outcome } from "./case.js";
import { cases } from "./cases.js";
import {
  serveConformance,
  type ConformanceServer,
} from "./conformance-server.js";
import type { Engine, EngineName } from "../engines/engine.js";
import { launchEngine } from "../engines/launch-engine.js";
import { drawGolden } from "../golden.js";

/** What came of one case in one engine. */
export interface CaseResult {
  readonly engine: EngineName;
  readonly name: string;
  readonly outcome: Outcome;
  /** From opening the page to its outcome, in ms. */
  readonly milliseconds: number;
}

/** What is run, and who is told. */
export interface RunOptions {
  readonly engines: readonly EngineName[];
  /** Names of cases. @default all */
  readonly cases?: readonly string[];
  /** Those that an engine is spared. @default none */
  readonly spares?: (engine: EngineName, name: string) => boolean;
  /** Fewer `runs` and `loads` of a long day than it has. */
  readonly counts?: Readonly<Record<string, string>>;
  /** Told of an engine that is up. */
  readonly onEngine?: (engine: EngineName, version: string) => void;
  /** Told of each result as it comes. */
  readonly onResult?: (result: CaseResult) => void;
}

const scripts = "build/conformance";

/**
 * Runs the cases.
 * @throws If the prebuilt folder is not there
 */
export async function runConformance({
  engines,
  cases: names,
  spares = () => false,
  counts = {},
  onEngine,
  onResult,
}: RunOptions): Promise<CaseResult[]> {
  if (!existsSync("packages/phaseskip/dist/prebuilt/phaseskip.js"))
    throw new Error("Cannot test what is not built: npm run build");
  await bundlePage();
  const wanted = cases.filter(({ name }) => names?.includes(name) ?? true);
  const server = await serveConformance(scripts, await drawGolden());
  const query = new URLSearchParams(counts).toString();
  const results: CaseResult[] = [];
  const note = (result: CaseResult) => {
    results.push(result);
    onResult?.(result);
  };
  try {
    for (const name of engines) {
      const own = wanted.filter((one) => !spares(name, one.name));
      await runEngine(name, own, { ...server, query }, note, onEngine);
    }
  } finally {
    await server.close();
  }
  return results;
}

/** The server, and what is added to its pages' addresses. */
interface Served extends ConformanceServer {
  readonly query: string;
}

async function runEngine(
  name: EngineName,
  wanted: readonly ConformanceCase[],
  server: Served,
  note: (result: CaseResult) => void,
  onEngine: RunOptions["onEngine"],
): Promise<void> {
  let engine: Engine | undefined;
  const noteAll = (outcome: Outcome) => {
    for (const one of wanted)
      note({ engine: name, name: one.name, outcome, milliseconds: 0 });
  };
  let isSteady = false;
  const launch = async (hasSteadyCode = false) => {
    await engine?.close();
    engine = undefined;
    const launched = await launchEngine(name, { hasSteadyCode });
    if ("reason" in launched) return launched.reason;
    engine = launched;
    isSteady = hasSteadyCode;
    return undefined;
  };
  try {
    const reason = await launch();
    if (reason !== undefined) return noteAll({ status: "skipped", reason });
    onEngine?.(name, engine!.version);
  } catch (error) {
    const reason = `${name} does not start: ${String(error)}`;
    return noteAll({ status: "failed", reason });
  }
  try {
    for (const one of wanted) {
      const { hasSteadyCode = false } = one;
      if (hasSteadyCode !== isSteady) await launch(hasSteadyCode);
      const start = performance.now();
      const outcome = await runCase(engine!, one, server);
      const milliseconds = performance.now() - start;
      note({ engine: name, name: one.name, outcome, milliseconds });
      if (outcome.status !== "failed") continue;
      // What a failed case left behind is no business of the next.
      await launch();
    }
  } finally {
    await engine?.close();
  }
}

async function runCase(
  engine: Engine,
  {
    name,
    page = "plain",
    isBehind = false,
    isQuiet = true,
    patience = 300_000,
  }: ConformanceCase,
  server: Served,
): Promise<Outcome> {
  const origin = page === "insecure" ? server.insecureOrigin : server.origin;
  if (origin === undefined)
    return {
      status: "skipped",
      reason: "this machine has no address that is not its own alone",
    };
  try {
    const { result, errors, violations } = await engine.openPage(
      `${origin}/${page}/page.html?case=${name}&${server.query}`,
      { result: "globalThis.conformance", patience, isBehind },
    );
    const outcome = result as Outcome;
    if (outcome.status !== "ok") return outcome;
    if (isQuiet && violations.length > 0)
      return {
        status: "failed",
        reason: `the content security policy was violated: ${violations.join("; ")}`,
      };
    if (isQuiet && errors.length > 0)
      return {
        status: "failed",
        reason: `the console says: ${errors.join("; ")}`,
      };
    return outcome;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: "failed", reason };
  }
}

/** The prebuilt files stay as they are: the page imports them from beside itself. */
const prebuiltBeside: Plugin = {
  name: "prebuilt-beside",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^phaseskip(\/|$)/ }, ({ path }) => ({
      path: `./phaseskip/${path.replace("/", ".")}.js`,
      external: true,
    }));
  },
};

async function bundlePage(): Promise<void> {
  mkdirSync(scripts, { recursive: true });
  await build({
    entryPoints: [
      "page",
      "frame",
      "away",
      "mortal-worker",
      "private-worker",
      "losing-worker",
      "lockless-worker",
      "full-worker",
      "odd-worker",
      "service-worker",
    ].map((name) => `e2e/conformance/${name}.ts`),
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    plugins: [prebuiltBeside],
    outdir: scripts,
    logLevel: "error",
  });
}

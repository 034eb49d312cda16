// Runs inputs of all kinds in child processes and gathers what came of them; a child that hangs, ends or grows too
// large costs one input, which is told by its seed.

import { fork } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Kind } from "./kind.js";
import { kinds } from "./kinds/kinds.js";
import type { LaneResult, LaneTask } from "./lane.js";

/** What came of the inputs of one kind. */
export interface Tally extends LaneResult {
  /** The kind's name. */
  readonly kind: string;
  /** Inputs so far: seeds from the first on. */
  readonly inputs: number;
}

/** What is run, and by how many processes. */
export interface FuzzOptions {
  /** Inputs of all kinds together. */
  readonly inputs: number;
  /** The first seed of each kind; the others follow. */
  readonly seed: number;
  /** Child processes at once. */
  readonly lanes: number;
}

/** Inputs of one child process, so that its memory is told of few. */
const batch = 2000;
/** How long an input may stand still before its process is ended, in ms of a machine that may be busy. */
const patience = 20_000;
/** V8's heap in MiB: what an input may take. */
const heap = 1024;

const nothing: LaneResult = {
  outcomes: {},
  faults: [],
  slowest: 0,
  largest: 0,
};

/** How many of all inputs are of a kind. */
export function inputsOf(kind: Kind, all: number): number {
  const shares = kinds.reduce((sum, { share }) => sum + share, 0);
  return Math.ceil((all * kind.share) / shares);
}

/**
 * Runs inputs, and goes on from what was done before. All kinds advance alike, so that a run that is stopped has seen
 * all of them.
 *
 * @param before what was done, by kind
 * @param keep told after each batch; what it was told is what to go on from
 * @param signal begins no batch any more; those under way end
 */
export async function fuzz(
  { inputs, seed, lanes }: FuzzOptions,
  before: ReadonlyMap<string, Tally>,
  keep: (tally: Tally) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const tallies = new Map(before);
  const waiting = kinds
    .flatMap((kind) => {
      const done = before.get(kind.name)?.inputs ?? 0;
      const all = inputsOf(kind, inputs);
      const starts = [];
      for (let from = done; from < all; from += batch) {
        const to = Math.min(all, from + batch);
        starts.push({ kind: kind.name, from, to, progress: from / all });
      }
      return starts;
    })
    .sort((a, b) => a.progress - b.progress);
  /** Batches of a kind are kept in their order, whichever lane is first. */
  const kept = new Map<string, Promise<void>>();
  const work = async () => {
    while (!signal?.aborted) {
      const next = waiting.shift();
      if (!next) break;
      const { kind, from, to } = next;
      const running = runBatch({ kind, from: seed + from, to: seed + to });
      const last = kept.get(kind);
      const keeping = running.then(async (result) => {
        await last;
        const sum = added(tallies.get(kind) ?? nothing, result);
        const tally = { ...sum, kind, inputs: to };
        tallies.set(kind, tally);
        await keep(tally);
      });
      kept.set(kind, keeping);
      await keeping;
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
}

function added(a: LaneResult, b: LaneResult): LaneResult {
  const outcomes: Record<string, number> = { ...a.outcomes };
  for (const [name, count] of Object.entries(b.outcomes))
    outcomes[name] = (outcomes[name] ?? 0) + count;
  return {
    outcomes,
    faults: [...a.faults, ...b.faults],
    slowest: Math.max(a.slowest, b.slowest),
    largest: Math.max(a.largest, b.largest),
  };
}

/** Runs a batch; where its process ends before the last input, goes on behind the one that ended it. */
async function runBatch(task: Omit<LaneTask, "progress">): Promise<LaneResult> {
  const folder = await mkdtemp(join(tmpdir(), "phaseskip-fuzz-"));
  const progress = join(folder, "progress");
  try {
    await writeFile(progress, new Uint8Array(8));
    const ended = await runChild({ ...task, progress });
    if (typeof ended !== "string") return ended;
    const seed = await runningSeed(progress);
    // what came before it is run once more, in a process that lives to tell
    let sum: LaneResult = {
      ...nothing,
      outcomes: { fault: 1 },
      faults: [{ seed, what: ended }],
    };
    const others = [
      [task.from, seed],
      [seed + 1, task.to],
    ] as const;
    for (const [from, to] of others)
      if (from < to) sum = added(sum, await runBatch({ ...task, from, to }));
    return sum;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A lane's result, or how its process ended. */
function runChild(task: LaneTask): Promise<LaneResult | string> {
  const child = fork(fileURLToPath(new URL("lane.ts", import.meta.url)), {
    execArgv: [
      "--conditions=@phaseskip/source",
      `--import=${new URL("../scripts/source-hooks.mjs", import.meta.url).href}`,
      `--max-old-space-size=${heap}`,
    ],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  return new Promise((resolve, reject) => {
    let seen = { seed: -1, at: Date.now() };
    let isHung = false;
    const watch = setInterval(() => {
      void runningSeed(task.progress).then((seed) => {
        if (seed !== seen.seed) seen = { seed, at: Date.now() };
        else if (seed >= task.from && Date.now() - seen.at > patience) {
          isHung = true;
          child.kill("SIGKILL");
        }
      });
    }, 500);
    let result: LaneResult | undefined;
    let said = "";
    child.stderr!.on(
      "data",
      (text: Buffer) => (said = (said + text.toString()).slice(-2000)),
    );
    child.once("message", (message) => (result = message as LaneResult));
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearInterval(watch);
      if (result) resolve(result);
      else if (isHung) resolve(`hung for ${patience / 1000} s`);
      else if (code === 1) reject(new Error(said));
      else
        resolve(
          `ended the process with ${signal ?? code}: ${said.split("\n").find((line) => /FATAL|Fatal/.test(line)) ?? ""}`,
        );
    });
    child.send(task);
  });
}

async function runningSeed(progress: string): Promise<number> {
  const bytes = await readFile(progress);
  return bytes.length < 8 ? -1 : bytes.readDoubleLE();
}

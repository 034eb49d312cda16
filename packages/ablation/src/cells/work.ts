// A sweep laid out: its cells, what belongs together, and what it costs in calls of the Unet.

import type { Cell, ResponseRow } from "./cells.js";
import { cellKey, windowName } from "./cells.js";
import type { Shard } from "./manifest.js";
import type { CellKind } from "./targets.js";
import type { Window, WindowKind } from "./windows.js";

/** Rows that share one changed trajectory: all prefixes of one unit and action; else a single row. */
export type WorkItem =
  | { readonly kind: "cells"; readonly cells: readonly Cell[] }
  | { readonly kind: "responses"; readonly responses: readonly Response[] }
  | { readonly kind: "floor"; readonly source: "noise" | "backend" }
  | { readonly kind: "emergence" };

/** A response to be measured. */
export interface Response extends Pick<
  ResponseRow,
  "response" | "window" | "direction"
> {
  /** Norm of the change over that of the Unet's output. */
  readonly norm: number;
  /** What its direction is seeded by, with the pair; prefixes share theirs. */
  readonly seededBy: string;
}

/** Norms at which the response is measured lie between these, in equal ratios. */
const norms = { least: 0.01, most: 1 };

/**
 * Lays out a sweep.
 *
 * @param kinds what is done to what
 * @param windows when
 * @param options directions of the response in each window, and the second runs of the full model
 */
export function layOutWork(
  kinds: readonly CellKind[],
  windows: readonly Window[],
  options: {
    readonly directions: number;
    readonly floors: readonly ("noise" | "backend")[];
    readonly emergence: boolean;
  },
): WorkItem[] {
  const { directions, floors, emergence } = options;
  const items: WorkItem[] = [];
  if (emergence) items.push({ kind: "emergence" });
  for (const source of floors) items.push({ kind: "floor", source });
  for (let direction = 0; direction < directions; direction++) {
    const ratio = directions === 1 ? 1 : direction / (directions - 1);
    const norm = norms.least * (norms.most / norms.least) ** ratio;
    const responses = windows.map((window): Response => {
      const seededBy =
        window.kind === "prefix"
          ? `response/prefix/${direction}`
          : `response/${windowName(window)}/${direction}`;
      const response = `response/${windowName(window)}/${direction}`;
      return { response, window, direction, norm, seededBy };
    });
    for (const group of grouped(responses))
      items.push({ kind: "responses", responses: group });
  }
  for (const kind of kinds) {
    const cells = windows
      .filter((window) => canAct(kind, window))
      .map((window): Cell => {
        const cell = { ...kind, window };
        return { cell: cellKey(cell), ...cell };
      });
    for (const group of grouped(cells))
      items.push({ kind: "cells", cells: group });
  }
  return items;
}

/** A value that is reused from its window's first step on changes nothing there. */
function canAct({ action }: CellKind, window: Window): boolean {
  return action !== "reuse" || window.endStep - window.firstStep > 1;
}

function grouped<T extends { readonly window: Window }>(
  rows: readonly T[],
): (readonly T[])[] {
  const prefixes = rows.filter(({ window }) => window.kind === "prefix");
  const others = rows.filter(({ window }) => window.kind !== "prefix");
  return [
    ...others.map((row) => [row]),
    ...(prefixes.length > 0 ? [prefixes] : []),
  ];
}

/** Names of the rows that an item gives. */
export function rowsOf(item: WorkItem, pairs: number): string[] {
  switch (item.kind) {
    case "cells":
      return item.cells.map(({ cell }) => cell);
    case "responses":
      return item.responses.map(({ response }) => response);
    case "floor":
      return [`floor/${item.source}`];
    case "emergence":
      return Array.from({ length: pairs }, (_, pair) => emergenceName(pair));
    default:
      return item satisfies never;
  }
}

/** The name of a pair's emergence. */
export function emergenceName(pair: number): string {
  return `emergence/${String(pair).padStart(4, "0")}`;
}

/** Calls of the Unet; all contexts of a step are one call. */
export interface CallCount {
  /** Those that the sweep makes. */
  readonly planned: number;
  /** Those that it would make if every run began at the first step. */
  readonly naive: number;
}

/** Calls that an item makes for one pair. */
export function itemCalls(item: WorkItem, steps: number): CallCount {
  if (item.kind === "emergence") return { planned: 0, naive: 0 };
  if (item.kind === "floor") return { planned: steps, naive: steps };
  const windows = (item.kind === "cells" ? item.cells : item.responses).map(
    ({ window }) => window,
  );
  // a response's first step takes the full run's output, which is known
  const known = item.kind === "responses" ? 1 : 0;
  const planned = isShared(windows)
    ? Math.max(...windows.map(({ endStep }) => endStep)) -
      known +
      sum(windows.map(({ endStep }) => steps - endStep))
    : sum(windows.map(({ firstStep }) => steps - firstStep - known));
  return { planned, naive: windows.length * steps };
}

function isShared([window]: readonly { readonly kind: WindowKind }[]): boolean {
  return window?.kind === "prefix";
}

/** Calls of a converged path, and of the one of half as many steps beside it. */
export function convergedCalls(steps: number): number {
  return steps + Math.floor(steps / 2);
}

/** Calls of a whole sweep, the full runs that all else starts from included. */
export function countCalls(
  items: readonly WorkItem[],
  steps: number,
  pairs: number,
  converged = 0,
): CallCount & { readonly cells: CallCount } {
  const total = (of: readonly WorkItem[], full: number): CallCount => {
    const calls = of.map((item) => itemCalls(item, steps));
    return {
      planned: pairs * (full + sum(calls.map(({ planned }) => planned))),
      naive: pairs * (full + sum(calls.map(({ naive }) => naive))),
    };
  };
  const cells = items.filter(({ kind }) => kind === "cells");
  return {
    ...total(items, steps + convergedCalls(converged)),
    cells: total(cells, 0),
  };
}

/**
 * The items of a shard: dealt out by their calls, largest first, so that shards take about the same time. Every
 * item is in exactly one shard.
 */
export function shardItems(
  items: readonly WorkItem[],
  { index, count }: Shard,
  steps: number,
): WorkItem[] {
  const loads = new Array<number>(count).fill(0);
  const order = items
    .map((item, place) => ({
      place,
      calls: itemCalls(item, steps).planned,
    }))
    .sort((a, b) => b.calls - a.calls || a.place - b.place);
  const mine = new Set<number>();
  for (const { place, calls } of order) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least]! += calls;
    if (least === index) mine.add(place);
  }
  return items.filter((_, place) => mine.has(place));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// What a plan does, drawn: steps from left to right, units from top to bottom.

import type { Unet } from "@phaseskip/graph";
import type { Context } from "@phaseskip/runtime";
import type { Schedule, ScheduledContext } from "@phaseskip/runtime/internals";
import { truncate } from "../terminal/table.js";

/** What a unit does at a step. */
export type UnitState = "run" | "reuse" | "zero" | "change" | "idle";

/** A unit's states, by step. */
export interface StripRow {
  readonly unit: string;
  readonly states: readonly UnitState[];
}

/** What one context does. */
export interface Strip {
  readonly context: Context;
  /** Blocks and what else lies directly in the Unet, and below each the units that the plan acts on. */
  readonly rows: readonly StripRow[];
}

const MARKS = {
  run: "█",
  reuse: "░",
  zero: "0",
  change: "~",
  idle: " ",
} as const satisfies Record<UnitState, string>;
const SEVERAL = "▒";
/** The legend of the marks. */
export const stripLegend =
  "█ run   ░ reuse   0 zero   ~ changed   blank not needed   ▒ several of these";

const LEVELS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const LABEL_WIDTH = 27;

/** What a schedule does to each unit, by context; a context that never runs has no strip. */
export function planStrips(
  unet: Unet,
  { steps, signatures }: Schedule,
): Strip[] {
  const { units } = unet.units;
  const acted = new Set(
    steps.flatMap(({ contexts }) =>
      contexts.flatMap(({ computed, reused, zeroed, changed }) => [
        ...changed.keys(),
        ...computed,
        ...reused.keys(),
        ...zeroed,
      ]),
    ),
  );
  const shown = [...units.values()].filter(
    ({ path, parent }) => parent === "" || acted.has(path),
  );
  // a node runs in a step if any of the unit's own does; a skip has none and shows its action alone
  const isRunning = signatures.map(
    ({ isLive }) =>
      new Set(
        shown
          .filter(({ nodes }) => nodes.some(({ index }) => isLive[index]))
          .map(({ path }) => path),
      ),
  );
  const stateOf = (
    path: string,
    scheduled: ScheduledContext | undefined,
  ): UnitState => {
    if (!scheduled) return "idle";
    const { reused, zeroed, computed, changed, signature } = scheduled;
    // what is forecast is made of kept values
    const how = changed.get(path);
    if (how === "extrapolate" || how === "forecast") return "reuse";
    if (changed.has(path)) return "change";
    // several outputs may differ: one that is computed makes the unit run
    if (computed.includes(path)) return "run";
    if (reused.has(path)) return "reuse";
    if (zeroed.includes(path)) return "zero";
    return isRunning[signature]!.has(path) ? "run" : "idle";
  };
  return (["cond", "uncond"] as const).flatMap((context) => {
    const scheduled = steps.map(({ contexts }) =>
      contexts.find((one) => one.context === context),
    );
    if (!scheduled.some((one) => one)) return [];
    const rows = shown.map(({ path }) => ({
      unit: path,
      states: scheduled.map((one) => stateOf(path, one)),
    }));
    return [{ context, rows }];
  });
}

/**
 * Draws a strip.
 * @param strip what one context does
 * @param width terminal columns; where steps do not fit, one column stands for several
 * @default width 80
 * @returns lines, each ended by a line break
 */
export function drawStrip({ rows }: Strip, width = 80): string {
  return collapse(rows)
    .map(({ label, states }) => {
      const marks = columnsOf(states.length, width).map(([from, to]) => {
        const [first, ...more] = new Set(states.slice(from, to));
        return more.length > 0 ? SEVERAL : MARKS[first!];
      });
      return line(label, marks);
    })
    .join("");
}

/**
 * Draws what steps cost, in line with a strip.
 * @param shares each step's cost as a share of the whole Unet's, in [0, 1]
 * @param width terminal columns
 * @default width 80
 * @returns a line, ended by a line break
 */
export function drawShares(shares: readonly number[], width = 80): string {
  const levels = columnsOf(shares.length, width).map(([from, to]) => {
    const sum = shares
      .slice(from, to)
      .reduce((total, share) => total + share, 0);
    const level = Math.floor((sum / (to - from)) * LEVELS.length);
    return LEVELS[Math.min(LEVELS.length - 1, level)]!;
  });
  return line("MACs of the whole Unet's", levels);
}

/** Neighbours of one parent and one strip share a line. */
function collapse(
  rows: readonly StripRow[],
): { label: string; states: readonly UnitState[] }[] {
  const groups = new Map<string, string[]>();
  for (const { unit, states } of rows) {
    // blocks keep a line each: they are the picture's frame
    const isBlock = /^\w+(\.\d+)?$/.test(unit);
    const kind = unit.replace(/\d+/g, "*");
    const key = isBlock ? unit : `${states.join()} ${kind.split(".").at(-1)}`;
    groups.set(key, [...(groups.get(key) ?? []), unit]);
  }
  const statesOf = new Map(rows.map(({ unit, states }) => [unit, states]));
  return [...groups.values()].map((units) => {
    const [first] = units;
    const last = first!.split(".").at(-1)!;
    const name = /^\d+$/.test(last)
      ? first!.split(".").slice(-2).join(".")
      : last;
    const label = units.length === 1 ? first! : `${units.length} × ${name}`;
    return { label, states: statesOf.get(first!)! };
  });
}

/** Ranges of steps, `[from, to)`, one for each column. */
function columnsOf(steps: number, width: number): [number, number][] {
  const size = Math.ceil(steps / (width - LABEL_WIDTH - 1));
  return Array.from({ length: Math.ceil(steps / size) }, (_, i) => [
    i * size,
    Math.min(steps, (i + 1) * size),
  ]);
}

function line(label: string, marks: readonly string[]): string {
  const name = truncate(label, LABEL_WIDTH).padEnd(LABEL_WIDTH);
  return `${`${name} ${marks.join("")}`.trimEnd()}\n`;
}

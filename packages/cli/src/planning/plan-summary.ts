// What `plan` says of the plans that it found.

import { otherPicture, type SplitSummary } from "@phaseskip/ablation";
import type { WrittenPlan } from "./plan-session.js";
import type { ProgressStream } from "../terminal/progress.js";
import { formatTable } from "../terminal/table.js";

/** The plans as a table, and below it what saves what, and what falls short. */
export function describePlans(
  plans: readonly WrittenPlan[],
  stream: ProgressStream,
): string {
  const budgets = plans.map(({ calibration }) => calibration.budget);
  const isTwice = new Set(budgets).size < budgets.length;
  const table = formatTable(
    [
      { title: "plan" },
      { title: "MACs", align: "right" },
      { title: "validation", align: "right" },
      { title: "test", align: "right" },
      { title: "other", align: "right" },
    ],
    plans.map(({ calibration, guidance }) => {
      const { budget, cost, validation, test } = calibration;
      return [
        isTwice ? `${budget} ${guidance}` : budget,
        `${(100 * cost).toFixed(1)} %`,
        withInterval(validation),
        withInterval(test),
        `${(100 * test.otherPicture).toFixed(0)} %`,
      ];
    }),
    { stream },
  );
  const lines = plans.flatMap(({ path, calibration }) => {
    const { attribution, changes, notes, isReached, budget } = calibration;
    const { mean, pairs } = calibration.search;
    const parts = attribution.map(
      ({ part, saves, loses }) =>
        `  ${part}: ${(100 * saves).toFixed(1)} % of the MACs, ${loses.toFixed(4)} SSIM`,
    );
    const missed = isReached
      ? []
      : [`  not reached: no plan but the full model keeps ${budget}`];
    return [
      path,
      ...changes.map((change) => `  ${change}`),
      ...parts,
      `  SSIM where it was searched, on ${pairs} pairs: ${mean.toFixed(4)}`,
      ...missed,
      ...notes.map((note) => `  note: ${note}`),
    ];
  });
  return `${table}SSIM to the full model on the same grid; 95 % intervals; other: share of\nthe test's pairs that became another picture, SSIM below ${otherPicture}\n\n${lines.join("\n")}\n`;
}

/** A mean with its interval. */
function withInterval({ mean, interval }: SplitSummary): string {
  const shown = mean.toFixed(4);
  if (!interval) return shown;
  return `${shown} [${interval[0].toFixed(4)}, ${interval[1].toFixed(4)}]`;
}

// What `plan` says of the plans that it found.

import type { SplitSummary } from "@phaseskip/ablation";
import type { WrittenPlan } from "./plan.js";
import type { ProgressStream } from "./progress.js";
import { formatTable } from "./table.js";

/** The plans as a table, and below it what saves what, and what falls short. */
export function describePlans(
  plans: readonly WrittenPlan[],
  stream: ProgressStream,
): string {
  const table = formatTable(
    [
      { title: "plan" },
      { title: "MACs", align: "right" },
      { title: "search", align: "right" },
      { title: "validation", align: "right" },
      { title: "test", align: "right" },
      { title: "other picture", align: "right" },
    ],
    plans.map(({ path, calibration }) => {
      const { cost, search, validation, test } = calibration;
      return [
        path,
        `${(100 * cost).toFixed(1)} %`,
        search.mean.toFixed(4),
        withInterval(validation),
        withInterval(test),
        `${(100 * test.otherPicture).toFixed(1)} %`,
      ];
    }),
    { stream },
  );
  const lines = plans.flatMap(({ path, calibration }) => {
    const { attribution, changes, notes, isReached, budget } = calibration;
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
      ...missed,
      ...notes.map((note) => `  note: ${note}`),
    ];
  });
  return `${table}SSIM to the full model on the same grid; 95 % intervals\n\n${lines.join("\n")}\n`;
}

/** A mean with its interval. */
export function withInterval({ mean, interval }: SplitSummary): string {
  const shown = mean.toFixed(4);
  if (!interval) return shown;
  return `${shown} [${interval[0].toFixed(4)}, ${interval[1].toFixed(4)}]`;
}

// What a plan may cost, or must keep: `--budget`.

/** What the planner is to reach. */
export type Budget =
  /** Save as much as can be while mean SSIM to the full model stays at or above this, as its lower 95 % bound says. */
  | { readonly kind: "ssim"; readonly least: number }
  /** Keep as much as can be at no more than this share of the full model's multiply-accumulates. */
  | { readonly kind: "macs"; readonly most: number }
  /** The best plans at several costs: shares of the full model's multiply-accumulates, dearest first. */
  | { readonly kind: "front"; readonly costs: readonly number[] };

/** The costs of a front where none are named. */
const frontCosts: readonly number[] = Object.freeze([0.8, 0.66, 0.5, 0.4]);

/**
 * Reads a budget: `ssim=0.95`, `macs=0.5`, `front`, or `front=0.66,0.5,0.4`.
 *
 * @throws {RangeError} If it is none of these, or a number is not between 0 and 1
 */
export function parseBudget(text: string): Budget {
  const [kind, value] = text.split("=", 2);
  const numbers = (value ?? "").split(",").map(Number);
  const isShares =
    value !== undefined &&
    value.trim() !== "" &&
    numbers.every((share) => share > 0 && share < 1);
  if (kind === "front" && value === undefined)
    return { kind: "front", costs: frontCosts };
  if (kind === "front" && isShares) {
    const costs = [...new Set(numbers)].sort((a, b) => b - a);
    return { kind: "front", costs };
  }
  const [share] = numbers;
  if (isShares && numbers.length === 1 && kind === "ssim")
    return { kind, least: share! };
  if (isShares && numbers.length === 1 && kind === "macs")
    return { kind, most: share! };
  throw new RangeError(
    `Cannot plan as the budget must be ssim=S, macs=M or front, with S and M between 0 and 1: current value is ${text}`,
  );
}

/** A budget as it is written. */
export function formatBudget(budget: Budget): string {
  switch (budget.kind) {
    case "ssim":
      return `ssim=${budget.least}`;
    case "macs":
      return `macs=${budget.most}`;
    case "front":
      return `front=${budget.costs.join(",")}`;
    default:
      return budget satisfies never;
  }
}

// One word in place of a plan: which of the plans that a model ships it stands for.

/** How near to the whole model's picture: `lossless` is that picture; each later word costs less than the one before. */
export type QualityName = "lossless" | "high" | "balanced" | "fast";

/** The plan of each word, by the name under which models ship it. */
export const qualityPlans: Readonly<Record<QualityName, string>> =
  Object.freeze({
    lossless: "none",
    high: "quality",
    balanced: "balanced",
    fast: "fast",
  });

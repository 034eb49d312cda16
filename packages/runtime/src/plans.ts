// Plans
export { parsePlan } from "./plan/parse-plan.js";
export { matchesPattern } from "./plan/pattern.js";
export type { Plan } from "./plan/plan.js";

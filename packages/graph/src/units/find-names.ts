// Names for nodes that lost theirs.

export { scopesFromShape } from "./scopes-from-shape.js";
export { scopesFromWeights } from "./scopes-from-weights.js";

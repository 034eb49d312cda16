// What a sweep wrote, read: all that a report is made of.

import type {
  CellRow,
  ConvergedRow,
  EmergenceRow,
  FloorRow,
  ResponseRow,
} from "../cells/cells.js";
import type { SweepManifest } from "../cells/manifest.js";

/** Everything a sweep wrote that a report needs. */
export interface SweepResults {
  /** `manifest.json`. */
  readonly manifest: SweepManifest;
  /** `cells.jsonl`, normalised. */
  readonly cells: readonly CellRow[];
  /** `responses.jsonl`. */
  readonly responses: readonly ResponseRow[];
  /** `floor.jsonl`. */
  readonly floors: readonly FloorRow[];
  /** `emergence.jsonl`. */
  readonly emergence: readonly EmergenceRow[];
  /** `converged.jsonl`; empty where there is none. */
  readonly converged: readonly ConvergedRow[];
}

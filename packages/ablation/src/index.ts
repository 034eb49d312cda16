// What is measured
export {
  cellKey,
  cellRule,
  formatRows,
  parseRows,
  rowKey,
  windowName,
} from "./cells.js";
export type {
  ActionFamily,
  Cell,
  CellAction,
  CellEffect,
  CellMacs,
  CellRefresh,
  CellRow,
  FloorRow,
  ResponseEffect,
  ResponseRow,
  SweepRow,
} from "./cells.js";
export { equalBins, sweepWindows, windowKinds } from "./windows.js";
export type { Bin, Window, WindowKind } from "./windows.js";

// Files
export { differenceOf, parseManifest, shardName } from "./manifest.js";
export type {
  MeasuredUnit,
  Pair,
  Shard,
  SweepIdentity,
  SweepManifest,
  SweepSettings,
} from "./manifest.js";
export { formatEntry, parseJournal } from "./journal.js";
export type { JournalEntry, JournalText } from "./journal.js";

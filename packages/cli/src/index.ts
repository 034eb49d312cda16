// The command
export { runCommand, version } from "./command.js";
export type { CommandIo } from "./command-io.js";

// Its parts, for programs of the same kind
export { openPipeline, type OpenPipelineOptions } from "./node-pipeline.js";
export { unetMilliseconds } from "./terminal/unet-time.js";
export { pictureScale, sheet } from "./pictures/sheet.js";
export { encodePng, writePng, type PngOptions } from "./pictures/png.js";
export {
  progress,
  type Progress,
  type ProgressStream,
} from "./terminal/progress.js";
export {
  formatTable,
  type TableColumn,
  type TableOptions,
} from "./terminal/table.js";
export {
  formatCount,
  formatShare,
  formatTime,
} from "./terminal/format-count.js";

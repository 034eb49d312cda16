// The command
export { runCommand, version } from "./command.js";
export type { CommandIo } from "./command-io.js";

// Its parts, for programs of the same kind
export { openPipeline, type OpenPipelineOptions } from "./node-pipeline.js";
export { unetMilliseconds } from "./unet-time.js";
export { pictureScale, sheet } from "./sheet.js";
export { encodePng, writePng, type PngOptions } from "./png.js";
export { progress, type Progress, type ProgressStream } from "./progress.js";
export { formatTable, type TableColumn, type TableOptions } from "./table.js";
export { formatCount, formatShare, formatTime } from "./format-count.js";

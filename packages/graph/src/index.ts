// Errors and bytes
export { PhaseskipError, type PhaseskipErrorCode } from "./errors.js";
export { bytesSource, type ByteSource } from "./byte-source.js";

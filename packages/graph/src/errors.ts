// The one error class for everything that fails in the world rather than in the
// caller's code: files, networks, devices, models, plans.

/** What failed; a caller branches on it. */
export type PhaseskipErrorCode =
  | "model-invalid"
  | "model-unsupported"
  | "plan-invalid"
  | "fetch-failed"
  | "integrity"
  | "quota"
  | "out-of-memory"
  | "device-lost"
  | "worker-lost"
  | "inference-failed"
  | "disposed";

/**
 * Something outside the caller's code failed. The caller's own mistakes are `TypeError` or
 * `RangeError` instead, and a cancelled call rejects with its signal's reason.
 */
export class PhaseskipError extends Error {
  /** Always this, also across a worker's boundary. */
  override readonly name = "PhaseskipError";
  /** What failed. */
  readonly code: PhaseskipErrorCode;

  /**
   * @param code what failed
   * @param message one sentence: what was attempted, what is wanted, what was found
   * @param options `cause`: the error underneath, if any
   */
  constructor(
    code: PhaseskipErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
  }
}

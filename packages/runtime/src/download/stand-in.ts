// What servers and checkouts send instead of a model.

import { PhaseskipError } from "@phaseskip/graph";

/**
 * Looks at a file's first bytes for what servers and checkouts send instead of a model.
 * @throws {PhaseskipError} `model-invalid` If it is a web page or a Git LFS pointer.
 */
export function assertNoStandIn(
  head: Uint8Array,
  path: string,
  address: string,
): void {
  const text = new TextDecoder("latin1")
    .decode(head.subarray(0, 256))
    .trimStart();
  if (
    /^<(!doctype|html|head|body|\?xml)/i.test(text) ||
    (/\.(onnx|json)$/.test(path) && text.startsWith("<"))
  ) {
    throw new WebPageError(address);
  }
  if (text.startsWith("version https://git-lfs.github.com/")) {
    throw new PhaseskipError(
      "model-invalid",
      `Cannot use ${address} as it is a Git LFS pointer instead of the file: run "git lfs pull" where it came from`,
    );
  }
}

/** The error for a web page where a file of the model should be. */
export class WebPageError extends PhaseskipError {
  /** @param address the file's URL or path */
  constructor(address: string) {
    super(
      "model-invalid",
      `Cannot use ${address} as a web page (HTML) came instead of the file: check the address, and that the server does not send its start page for missing files`,
    );
  }
}

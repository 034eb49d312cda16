// Many small reads in order as few larger ones: each may be a system call, or a message to a store.

import type { ByteSource } from "../byte-source.js";

const windowBytes = 1 << 16;

/** A source that fetches 64 KiB at a time of another; reads are views on them, good until the bytes are copied. */
export function windowedSource(source: ByteSource): ByteSource {
  let window = new Uint8Array(0);
  let start = 0;
  return {
    size: source.size,
    async read(offset, length) {
      const left = source.size - offset;
      if (length > windowBytes || length > left || offset < 0)
        return source.read(offset, length);
      if (offset < start || offset + length > start + window.byteLength) {
        const wanted = Math.min(windowBytes, left);
        window = (await source.read(offset, wanted)) as typeof window;
        start = offset;
      }
      return window.subarray(offset - start, offset - start + length);
    },
  };
}

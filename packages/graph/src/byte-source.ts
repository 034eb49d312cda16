// Where model bytes come from. Files on disk, cached chunks and plain arrays all look like this.

/** Random access to the bytes of one file, without ever holding the whole of it. */
export interface ByteSource {
  /** Size of the file in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes from `offset`. The result may be a view on memory that the source owns; do not
   * write to it.
   * @throws {RangeError} If the range does not lie within the file.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A byte source over bytes that are in memory already; reads are views, never copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.byteLength,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
        throw new RangeError(
          `Cannot read bytes ${offset} to ${offset + length} as the source has ${bytes.byteLength}`,
        );
      }
      return bytes.subarray(offset, offset + length);
    },
  };
}

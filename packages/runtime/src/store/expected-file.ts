// What a file must be, as whoever lists a model's files says: its phaseskip.json, or a hub.

import type { PhaseskipError } from "@phaseskip/graph";

/** A digest of a whole file, over its bytes as they come. */
export interface FileDigest {
  /** Takes the next bytes. */
  add(bytes: Uint8Array): void;
  /** The version that the bytes so far make. */
  version(): string;
}

/** One listed file. */
export interface ExpectedFile {
  /** Size in bytes. */
  readonly size: number;
  /** The name of these bytes: equal ones mean equal bytes. */
  readonly version: string;
  /** SHA-256 of each chunk, 64 hexadecimal digits, where the list has them. */
  readonly sha256?: readonly string[];
  /** Begins a digest, where the list has one of the whole file: it must come to `version`. */
  readonly digest?: () => FileDigest;
  /** The error for an answer that is another file. */
  readonly mismatch: (address: string, how: string) => PhaseskipError;
}

// Digests of whole files, as they come: a browser's own digest takes a file's bytes all at once.

import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { FileDigest } from "../store/expected-file.js";

/** Begins the SHA-256 of a file, which a hub has of its large files: `sha256:` and 64 hexadecimal digits. */
export function sha256Digest(): FileDigest {
  return digest("sha256", sha256.create());
}

/** Begins the name that git gives a file of this size, which a hub has of its small ones: `git:` and 40 digits. */
export function gitDigest(size: number): FileDigest {
  return digest("git", sha1.create().update(utf8ToBytes(`blob ${size}\0`)));
}

function digest(
  kind: string,
  hash: { update(bytes: Uint8Array): unknown; digest(): Uint8Array },
): FileDigest {
  return {
    add: (bytes) => void hash.update(bytes),
    version: () => `${kind}:${bytesToHex(hash.digest())}`,
  };
}

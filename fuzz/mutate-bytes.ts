// Mutations of bytes that know nothing of what they mean: flipped, cut, doubled, made larger.

import type { Random } from "./random.js";

/** A changed copy: one to four bytes or stretches are others. */
export function mutateBytes(
  bytes: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  let result = new Uint8Array(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(result.length);
    const length = 1 + random.below(Math.min(64, result.length - at));
    switch (random.below(6)) {
      case 0:
        result = result.slice(0, at);
        break;
      case 1:
        result = joined(result.subarray(0, at), result.subarray(at + length));
        break;
      case 2:
        result = joined(result.subarray(0, at + length), result.subarray(at));
        break;
      case 3:
        result.fill(random.pick([0, 1, 127, 128, 255]), at, at + length);
        break;
      default:
        result[at] = random.below(256);
    }
  }
  return result;
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const result = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

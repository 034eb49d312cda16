// SHA-256 as this platform offers it.

/**
 * SHA-256 of some bytes.
 * @returns 64 hexadecimal digits; `undefined` outside a secure context, where pages have no SHA-256
 */
export async function sha256(bytes: BufferSource): Promise<string | undefined> {
  const subtle = subtleCrypto();
  if (!subtle) return undefined;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

/** Whether this platform has SHA-256. */
export const hasSha256 = () => subtleCrypto() !== undefined;

/** The bytes behind hexadecimal digits. */
export function bytesOfHex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

function subtleCrypto(): SubtleCrypto | undefined {
  return (globalThis.crypto as Crypto | undefined)?.subtle;
}

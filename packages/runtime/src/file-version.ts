// Which version of a file a server has, told by its headers or by the model's own list of files.

import { request } from "./request.js";

/**
 * The version that an answer names, as one string: its ETag, else its date and size.
 * @returns `undefined` if the answer names none
 */
export function versionOf(response: Response): string | undefined {
  const etag = response.headers.get("etag");
  if (etag) return etag;
  const modified = response.headers.get("last-modified");
  return modified
    ? `modified ${modified}, ${plainLength(response) ?? "?"} bytes`
    : undefined;
}

/** Whether two versions are the same; a size that one of them does not know decides nothing. */
export function sameVersion(a: string, b: string): boolean {
  const unsized = (version: string) => version.replace(/, (\d+|\?) bytes$/, "");
  return (
    a === b ||
    (a.startsWith("modified ") &&
      [a, b].some((v) => v.endsWith(", ? bytes")) &&
      unsized(a) === unsized(b))
  );
}

/** Whether equal versions mean equal bytes, so that a broken download may go on where it ended. */
export function isStrong(version: string): boolean {
  return version.startsWith('"');
}

/** Size of the body in bytes, where the header tells it: an encoded body has another size than its content. */
export function plainLength(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  return length === null || response.headers.has("content-encoding")
    ? undefined
    : Number(length);
}

/**
 * The version of a whole model: the hash of its phaseskip.json, for servers that name no version of a file.
 * @returns `undefined` where the model has none, or where nothing can be hashed as the page is not secure
 */
export async function manifestVersion(
  url: URL,
  address: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  const response = subtle && (await request(url, address, {}, signal));
  if (
    !subtle ||
    !response?.ok ||
    /html/.test(response.headers.get("content-type") ?? "")
  )
    return undefined;
  const digest = new Uint8Array(
    await subtle.digest("SHA-256", await response.arrayBuffer()),
  );
  return `manifest ${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// Which version of a file a server has, told by its headers.

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

/** Whether a version is a digest out of a list of the model's files. */
export function isDigest(version: string): boolean {
  return /^(sha256|git):/.test(version);
}

/** Whether equal versions mean equal bytes, so that a broken download may go on where it ended: strong ETags, digests. */
export function isStrong(version: string): boolean {
  return version.startsWith('"') || isDigest(version);
}

/** Size of the body in bytes, where the header tells it: an encoded body has another size than its content. */
export function plainLength(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  return length === null || response.headers.has("content-encoding")
    ? undefined
    : Number(length);
}

/** Where a part of a file lies, as an answer to `Range` tells; `undefined` where it tells nothing. */
export function contentRange(
  response: Response,
): { readonly start: number; readonly size: number | undefined } | undefined {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(
    response.headers.get("content-range") ?? "",
  );
  if (!range) return undefined;
  const size = Number(range[2]);
  return {
    start: Number(range[1]),
    size: Number.isNaN(size) ? undefined : size,
  };
}

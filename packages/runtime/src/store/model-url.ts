// What a model over HTTP is known by.

/**
 * Resolves a location to a URL; relative ones count from the page.
 * @returns URL with `/` at the end of its path and no fragment; `undefined` for a folder on disk
 * @throws {TypeError} If it is neither a path nor an http(s) or file URL.
 */
export function folderUrl(location: string | URL): URL | undefined {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const hasScheme =
    location instanceof URL || /^[a-z][a-z0-9+.-]+:/i.test(location);
  if (!hasScheme && page === undefined) return undefined;
  const url = URL.canParse(String(location), hasScheme ? undefined : page)
    ? new URL(String(location), hasScheme ? undefined : page)
    : undefined;
  if (url?.protocol === "file:") return undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError(
      `Cannot open a model folder as its location must be an http(s) or file URL or a path: current value is ${String(location)}`,
    );
  }
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

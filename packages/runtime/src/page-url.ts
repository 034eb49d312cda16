// Addresses that a page's code writes.

import { isModelName } from "./store/model-name.js";

/** An address relative to the page as a whole one; in Node, where there is no page, a path or URL as it is. */
export function pageUrl(location: string | URL): string {
  const page = (globalThis as { document?: { baseURI?: string } }).document;
  const base = page?.baseURI;
  return base === undefined ? String(location) : new URL(location, base).href;
}

/** The same for a model, whose location may be its name on a hub: that stays. */
export function modelUrl(location: string | URL): string {
  return isModelName(location) ? location : pageUrl(location);
}

/**
 * The same for what lies beside a model.
 * @throws {TypeError} If one is no location
 */
export function modelUrls(
  given: string | URL | readonly (string | URL)[],
): string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.map((one) => {
    if (typeof one === "string" || one instanceof URL) return modelUrl(one);
    throw new TypeError(
      `Cannot load a pipeline as controlnet must be the URL, path or name of a ControlNet, or a list of such: one is of type ${typeof one}`,
    );
  });
}

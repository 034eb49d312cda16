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

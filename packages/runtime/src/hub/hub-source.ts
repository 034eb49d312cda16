// A model on a hub, by its name: where its files lie, what they must be, and what a request for them carries.

import type { FileSource } from "../download/file-source.js";
import { listHubFiles } from "./hub-listing.js";
import type { HubRequest, HubTemplate } from "./hub-options.js";
import { hubRefusal } from "./hub-refusal.js";

/** The hub where names are looked for, unless another one is given. */
const HUB = "https://huggingface.co";

/**
 * The hub's word on a model; nothing is asked before its first file.
 * @param model its name, `org/name`
 * @param retryMs how long to wait before a list that broke off is asked for again, in ms. @default 500
 * @throws {TypeError} If the revision, the token or the hub is none
 */
export function hubSource(
  model: string,
  { revision = "main", token, hub = HUB }: HubRequest = {},
  retryMs?: number,
): FileSource {
  const wrong = (name: string, wanted: string, given: unknown) =>
    new TypeError(
      `Cannot load ${model} as ${name} must be ${wanted}: current value is ${String(given)}`,
    );
  if (typeof revision !== "string" || revision === "")
    throw wrong("revision", "a branch, a tag or a commit", revision);
  const templates = typeof hub === "string" ? laidOut(hub) : hub;
  const urlOf = (template: string) => {
    const address = template
      .replaceAll("{model}", model)
      .replaceAll("{revision}", encodeURIComponent(revision));
    const isNamed = template.includes("{model}");
    if (isNamed && /^https?:/.test(address) && URL.canParse(address))
      return new URL(address);
    const wanted = "an http(s) URL, or templates of such with {model} in them";
    throw wrong("hub", wanted, template);
  };
  const base = urlOf(`${templates.files}`);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const list = templates.list === undefined ? undefined : urlOf(templates.list);

  const headers = async (): Promise<Record<string, string>> => {
    const given = await token?.();
    if (given === undefined) return {};
    if (typeof given === "string" && /^[\x21-\x7e]+$/.test(given))
      return { Authorization: `Bearer ${given}` };
    throw wrong("token", "a string without spaces", typeof given);
  };
  return {
    base,
    headers,
    list: async (signal) =>
      list &&
      listHubFiles(
        {
          model,
          url: list,
          headers,
          ...(retryMs !== undefined && { retryMs }),
        },
        signal,
      ),
    refusal: hubRefusal,
  };
}

/** The templates of a hub that is laid out as the default one. */
function laidOut(hub: string): HubTemplate {
  const root = hub.replace(/\/+$/, "");
  return {
    files: `${root}/{model}/resolve/{revision}/`,
    list: `${root}/api/models/{model}/tree/{revision}?recursive=true`,
  };
}

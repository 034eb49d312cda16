// Why a hub refuses, in words that say what to do.

import { Refusal } from "../download/refusal.js";

/** What a hub's `X-Error-Code` means. */
const reasons: Readonly<Record<string, string>> = {
  GatedRepo:
    "its owner gives it to those who agree to its terms: agree to them on the model's page, and load it with a token of yours",
  RepoNotFound:
    "the hub has no model of this name, or shows it to nobody without its token: look at the name, or load it with a token. A folder beside the page is written with ./ before it or / behind it",
  RevisionNotFound: "the model has no such revision",
};

/**
 * The error for an answer of a hub that is no file.
 * @param what what was asked for: a model's name, or a file's address
 */
export function hubRefusal(response: Response, what: string): Refusal {
  const { status, statusText, headers } = response;
  const code = headers.get("x-error-code") ?? "";
  const said = headers.get("x-error-message");
  const known =
    reasons[code] ?? (status === 401 ? reasons["RepoNotFound"] : undefined);
  const words = `the hub answers ${`${status} ${statusText}`.trim()}`;
  const own =
    code || said ? ` (${[code, said].filter(Boolean).join(": ")})` : "";
  return new Refusal(
    `Cannot fetch ${what} as ${words}${own}${known ? `: ${known}` : ""}`,
  );
}

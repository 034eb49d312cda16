// One HTTP request, with this project's errors.

import { PhaseskipError } from "@phaseskip/graph";

/**
 * Asks a server, with the errors of this project.
 * @throws {PhaseskipError} `fetch-failed` If no answer comes.
 * @throws the signal's reason, if it fires.
 */
export async function request(
  url: URL,
  address: string,
  init: RequestInit,
  signal?: AbortSignal,
): Promise<Response> {
  try {
    // Development servers send their start page to whoever accepts HTML.
    const headers = {
      Accept: "application/*, text/plain",
      ...(init.headers as Record<string, string> | undefined),
    };
    return await fetch(url, {
      cache: "no-store",
      ...init,
      headers,
      ...(signal && { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PhaseskipError(
      "fetch-failed",
      `Cannot fetch ${address} as the server does not answer: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** The error for an answer that is neither the file nor "no such file". */
export function statusError(
  { status, statusText }: Response,
  address: string,
): PhaseskipError {
  return new PhaseskipError(
    "fetch-failed",
    `Cannot fetch ${address} as the server answers ${`${status} ${statusText}`.trim()}`,
  );
}

/** Node says "fetch failed" and keeps the reason in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? error.cause.message || String((error.cause as NodeJS.ErrnoException).code)
    : error.message;
}

// What a case of the conformance page is, and the words that cases are written in.

/** The headers that a case's page, its worker and all else come with. */
export type PageKind =
  "plain" | "isolated" | "strict" | "no-worker" | "no-wasm" | "insecure";

/** One thing that has to work in every engine. */
export interface ConformanceCase {
  /** What the table calls it. */
  readonly name: string;
  /** What holds where it is ok. */
  readonly holds: string;
  /**
   * `isolated`: COOP and COEP; `strict`: a policy of 'self' and 'wasm-unsafe-eval' alone; `no-worker`, `no-wasm`: that
   * policy without the one or the other; `insecure`: no secure context. @default "plain"
   */
  readonly page?: PageKind;
  /** Another tab lies in front of it. @default false */
  readonly isBehind?: boolean;
  /**
   * The console stays free of errors, and no policy is violated. Not where the case injects a fault: browsers report
   * those. @default true
   */
  readonly isQuiet?: boolean;
  /** It takes minutes: `npm run e2e` alone runs it. @default false */
  readonly isLong?: boolean;
  /** It takes an hour: it runs where it is named. @default false */
  readonly isDay?: boolean;
  /** Its page runs where Chromium keeps no more of code that runs often. @default false */
  readonly hasSteadyCode?: boolean;
  /** How long it may take, in ms: only what hangs runs into this. @default 300000 */
  readonly patience?: number;
  /** @returns what is worth saying of a success @throws {Skip}, or an error that says what does not hold */
  run(): Promise<string | void>;
}

/** What the page leaves behind. */
export type Outcome =
  | { readonly status: "ok"; readonly detail: string }
  | { readonly status: "failed" | "skipped"; readonly reason: string };

/** Thrown where an engine lacks what a case needs. */
export class Skip extends Error {}

/** Ends the case as skipped. */
export function skip(reason: string): never {
  throw new Skip(reason);
}

/** Ends the case as failed, unless it holds. */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Waits for a rejection and returns its reason. @throws If the promise is fulfilled, or does not settle in time */
export async function rejection(
  promise: Promise<unknown>,
  milliseconds = 100_000,
): Promise<unknown> {
  return settled(
    promise.then(
      () => {
        throw new Error("it was fulfilled where it should have been rejected");
      },
      (reason: unknown) => reason,
    ),
    milliseconds,
  );
}

/** Waits for a rejection with an error of this project. @throws If it is another one */
export async function rejectionCode(
  promise: Promise<unknown>,
  code: string,
  milliseconds?: number,
): Promise<string> {
  const reason = await rejection(promise, milliseconds);
  const { code: actual, message } = reason as Error & { code?: string };
  check(
    actual === code,
    `it was rejected with ${actual ?? String(reason)} where ${code} was due: ${message}`,
  );
  return message;
}

/** The promise's value. @throws If it does not settle in time */
export async function settled<T>(
  promise: Promise<T>,
  milliseconds: number,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`it did not settle within ${milliseconds} ms`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets so many ms pass. */
export const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

// Reads the options of one sampler, once: what leaves here has its type and its range.

import { shown } from "./config.js";
import type { SchedulerConfig } from "./config.js";

/** A sampler's options under the sampler's name, which opens every error message. */
export interface ConfigReader {
  /** The sampler in words, such as `DDIM scheduler`. */
  readonly title: string;
  /** The value of a key; `undefined` where the sampler's default holds: `null` is not given. */
  value(key: string): unknown;
  /** A finite number; with `isInteger`, an integer. */
  number(
    key: string,
    fallback: number,
    options?: { min?: number; isInteger?: boolean },
  ): number;
  /** A truth value. */
  boolean(key: string, fallback: boolean): boolean;
  /** One of a few strings. What diffusers knows beyond them is refused by name, like all else. */
  choice<T extends string>(key: string, fallback: T, choices: readonly T[]): T;
  /** Throws the RangeError *Cannot create the … as NAME must be WANTED: current value is …*. */
  reject(name: string, wanted: string, value: unknown): never;
}

/**
 * Opens a sampler's options.
 *
 * @param title the sampler in words
 * @param config the options, not modified
 * @throws {TypeError} If `config` is not an object.
 */
export function configReader(
  title: string,
  config: SchedulerConfig,
): ConfigReader {
  const fail = (
    Kind: typeof TypeError | typeof RangeError,
    wanted: string,
    value: unknown,
  ) =>
    new Kind(
      `Cannot create the ${title} as ${wanted}: current value is ${shown(value)}`,
    );
  if (typeof config !== "object" || config === null) {
    throw fail(TypeError, "its options must be an object", config);
  }
  const ignored = new Set<unknown>(config._use_default_values ?? []);
  const value = (key: string) =>
    ignored.has(key) ? undefined : (config[key] ?? undefined);

  return {
    title,
    value,
    number(key, fallback, { min = -Infinity, isInteger = false } = {}) {
      const number = value(key) ?? fallback;
      const wanted = `${key} must be ${isInteger ? "an integer" : "a number"}`;
      if (typeof number !== "number") throw fail(TypeError, wanted, number);
      if (isInteger ? !Number.isInteger(number) : Number.isNaN(number)) {
        throw fail(RangeError, wanted, number);
      }
      if (number < min)
        throw fail(RangeError, `${wanted} not below ${min}`, number);
      return number;
    },
    boolean(key, fallback) {
      const boolean = value(key) ?? fallback;
      if (typeof boolean !== "boolean")
        throw fail(TypeError, `${key} must be a boolean`, boolean);
      return boolean;
    },
    choice(key, fallback, choices) {
      const choice = value(key) ?? fallback;
      const found = choices.find((known) => known === choice);
      if (found !== undefined) return found;
      const list = choices.map((known) => JSON.stringify(known)).join(", ");
      throw fail(
        RangeError,
        `${key} must be ${choices.length > 1 ? "one of " : ""}${list}`,
        choice,
      );
    },
    reject(name, wanted, rejected) {
      throw fail(RangeError, `${name} must be ${wanted}`, rejected);
    },
  };
}

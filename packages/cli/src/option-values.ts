// Values of options, checked as they are read.

import { InvalidArgumentError } from "commander";

/**
 * A reader of whole numbers.
 * @param least the lowest that is allowed
 * @returns throws {InvalidArgumentError} for anything else
 */
export function integerFrom(least: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(
      `It must be a whole number of at least ${least}.`,
    );
  };
}

/**
 * A reader of numbers.
 * @param least the lowest that is allowed
 * @returns throws {InvalidArgumentError} for anything else, infinity too
 */
export function numberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (Number.isFinite(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a number of at least ${least}.`);
  };
}

/**
 * A reader of file names with an ending that says the format written.
 * @param ending such as `.png`
 * @returns throws {InvalidArgumentError} for another ending
 */
export function pathEnding(ending: string): (text: string) => string {
  return (text) => {
    if (text.toLowerCase().endsWith(ending) && text.length > ending.length)
      return text;
    throw new InvalidArgumentError(`It must end in ${ending}.`);
  };
}

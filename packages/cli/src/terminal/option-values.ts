// Values of options, checked as they are read.

import {
  parseBudget,
  windowKinds,
  type Budget,
  type Shard,
  type SplitSize,
  type WindowKind,
} from "@phaseskip/ablation";
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

/** Adds a value to those that were given before, for an option that may be given several times. */
export function listed(
  text: string,
  before: readonly string[] = [],
): readonly string[] {
  return [...before, text];
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

/**
 * Reads the part of a sweep to do, such as `0/4`, the first of four.
 * @throws {InvalidArgumentError} For anything else.
 */
export function readShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index < shard.count) return shard;
  throw new InvalidArgumentError(
    "It must be I/N, the part and how many there are, with I from 0 to N - 1: 0/4 is the first of four.",
  );
}

/**
 * Reads kinds of windows, such as `single,prefix`.
 * @throws {InvalidArgumentError} For anything else.
 */
export function readWindows(text: string): WindowKind[] {
  const kinds = text.split(",").map((kind) => kind.trim());
  const known = windowKinds.filter((kind) => kinds.includes(kind));
  if (known.length === new Set(kinds).size) return known;
  throw new InvalidArgumentError(
    `It must be some of ${windowKinds.join(", ")}, with commas between them.`,
  );
}

/**
 * Reads what a plan is to reach, such as `ssim=0.95`.
 * @throws {InvalidArgumentError} For anything else.
 */
export function readBudget(text: string): Budget {
  try {
    return parseBudget(text);
  } catch {
    throw new InvalidArgumentError(
      "It must be ssim=S, macs=M or front, with S and M between 0 and 1: ssim=0.95, macs=0.5, front=0.66,0.5.",
    );
  }
}

/**
 * Reads how many prompts and seeds a split has, such as `8x4`.
 * @throws {InvalidArgumentError} For anything else.
 */
export function readSplit(text: string): SplitSize {
  const [, prompts, seeds] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (prompts !== undefined && seeds !== undefined)
    return { prompts: Number(prompts), seeds: Number(seeds) };
  throw new InvalidArgumentError(
    "It must be PxS, prompts and seeds of each, both from 1: 8x4.",
  );
}

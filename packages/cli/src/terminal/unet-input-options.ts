// `--input` and `--constant`: how a Unet that does not use diffusers' names calls what it takes.

import type { UnetInputs } from "@phaseskip/runtime";
import { InvalidArgumentError, Option } from "commander";

/** What the command line says of a Unet's inputs. */
export interface UnetInputArguments {
  /** `--input KEY=NAME`, in their order. */
  readonly input?: readonly string[];
  /** `--constant NAME=NUMBERS`, in their order. */
  readonly constant?: readonly string[];
}

/** `--input KEY=NAME`, any number of them. */
export function inputOption(): Option {
  return new Option(
    "--input <KEY=NAME>",
    "a name in the Unet's file that is not diffusers':\nsample=x, timestep=sigma, output=D; and\npreconditioning=inside; may be given several times",
  ).argParser(pairs("KEY=NAME, such as sample=noisy"));
}

/** `--constant NAME=NUMBERS`, any number of them. */
export function constantOption(): Option {
  return new Option(
    "--constant <NAME=N>",
    "what another input of the Unet holds: a number, or\nseveral with commas; may be given several times",
  ).argParser(pairs("NAME=NUMBER, such as difficulty=0.6"));
}

/** Whatever is given, with a name before its first equals sign. */
function pairs(wanted: string) {
  return (text: string, before: readonly string[] = []): readonly string[] => {
    if (!/^[^=]+=./.test(text))
      throw new InvalidArgumentError(`It must be ${wanted}.`);
    return [...before, text];
  };
}

/** What both options say; undefined where neither is given. */
export function unetInputs({
  input = [],
  constant = [],
}: UnetInputArguments): UnetInputs | undefined {
  if (input.length + constant.length === 0) return undefined;
  const numbers = (text: string) => {
    const list = text.split(",").map((one) => (one === "" ? NaN : Number(one)));
    return list.length === 1 ? list[0]! : list;
  };
  const constants = Object.fromEntries(
    constant.map(parted).map(([name, text]) => [name, numbers(text)]),
  );
  return {
    ...Object.fromEntries(input.map(parted)),
    ...(constant.length > 0 && { constants }),
  };
}

function parted(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

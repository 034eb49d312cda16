// What a plan is searched, chosen and tested on where no prompts are given: everyday scenes, made by a small grammar.
// Every word is among those that `models/scenes` was trained on.

import { shuffled } from "./splits.js";

const things: readonly (readonly [one: string, several: string])[] = [
  ["house", "houses"],
  ["tent", "tents"],
  ["castle", "castles"],
  ["lighthouse", "lighthouses"],
  ["car", "cars"],
  ["windmill", "windmills"],
  ["flower", "flowers"],
  ["mushroom", "mushrooms"],
  ["boat", "boats"],
  ["duck", "ducks"],
];
const colours = ["red", "blue", "yellow", "white", "black", "green", "purple"];
const grounds = ["on grass", "on sand", "on snow", "by the sea"];
const times = ["at night", "at sunset", "on a sunny day", "in the morning"];
const skies = ["clouds in the sky", "a rainbow", "mountains", "hills"];

/** 200 scenes, in an order that says nothing. */
export function defaultPlanPrompts(): string[] {
  const all: string[] = [];
  for (const [one, several] of things) {
    colours.forEach((colour, c) => {
      grounds.forEach((ground, g) => {
        const time = times[(c + g) % times.length]!;
        const sky = skies[(c + 2 * g) % skies.length]!;
        const count = (c + g) % 3;
        const subject =
          count === 0
            ? `a ${colour} ${one}`
            : `${count === 1 ? "two" : "three"} ${colour} ${several}`;
        all.push(`${subject} ${ground} ${time} with ${sky}`);
      });
    });
  }
  return shuffled(all, 0).slice(0, 200);
}

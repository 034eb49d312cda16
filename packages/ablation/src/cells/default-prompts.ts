// What a sweep draws where no prompts are given.

/**
 * Four everyday scenes that differ in subject, colour, place, light and weather; every word is among those that
 * `models/scenes` was trained on.
 */
export const defaultPrompts: readonly string[] = Object.freeze([
  "a house with a red roof on the left on snow at night with stars",
  "three yellow tents on grass at sunset",
  "a white lighthouse by the sea, clouds in a blue sky",
  "a black sheep and a green tree on hills in the morning",
]);

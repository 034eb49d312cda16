// Mutations of a tree of objects and lists, such as JSON or a decoded protobuf message: a field at a time.

import type { Random } from "./random.js";

/** A value inside a tree, by the object or list that holds it. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  /** The field's name; of a list's element that of the list. */
  readonly field: string;
}

/** What a tree may become: any JSON, or a message that its schema allows. */
export type Form = "json" | "message";

// an integer may be a field that bears no fraction
const oddIntegers = [
  ...[0, -1, 1, 2, 1000, -1000, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53],
];
const oddFractions = [0.5, 1e-300, 1e300, -1e300];
const oddTexts = [
  "",
  " ",
  ".",
  "/",
  "../..",
  "__proto__",
  "\u0000",
  "💥",
  "-1",
];

/**
 * Changes a tree in place, at one to four of its fields: a value takes an odd one's place or another's of the same
 * field, is left out, doubled, or moved.
 */
export function mutateTree(tree: object, random: Random, form: Form): void {
  for (let left = 1 + random.below(4); left > 0; left--) {
    const places = placesOf(tree);
    if (places.length > 0) mutateAt(random.pick(places), places, random, form);
  }
}

function mutateAt(
  { holder, key, field }: Place,
  places: readonly Place[],
  random: Random,
  form: Form,
): void {
  const list: unknown[] | undefined = Array.isArray(holder)
    ? holder
    : undefined;
  const at = Number(key);
  const value = holder[key];
  switch (random.below(list ? 7 : 5)) {
    case 0:
    case 1:
      holder[key] =
        form === "json" && random.chance(0.5)
          ? otherType(value, random)
          : odd(value, random);
      break;
    case 2:
    case 3: {
      const isTwin = (place: Place) =>
        place.field === field && isAlike(place.holder[place.key], value);
      const isFree = form === "json" && random.chance(0.3);
      const twin = random.pick(isFree ? places : places.filter(isTwin));
      holder[key] = structuredClone(twin.holder[twin.key]);
      break;
    }
    case 4:
      if (list) list.splice(at, 1);
      else if (form === "json") delete holder[key];
      break;
    case 5:
      list?.splice(at, 0, ...copies(value, random));
      break;
    default:
      list?.splice(random.below(list.length), 0, ...list.splice(at, 1));
  }
}

/** Whether two values of a field may stand for one another: a schema may use a name for several types. */
function isAlike(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b || Array.isArray(a) !== Array.isArray(b))
    return false;
  if (Array.isArray(a)) return isAlike(a[0], (b as unknown[])[0]);
  const isMessage = typeof a === "object" && a !== null && b !== null;
  return !isMessage || `${Object.keys(a)}` === `${Object.keys(b as object)}`;
}

/** An odd value of the same type. */
function odd(value: unknown, random: Random): unknown {
  switch (typeof value) {
    case "number": {
      const others = Number.isInteger(value) ? oddIntegers : oddFractions;
      return random.pick([...others, value + 1, value - 1, -value]);
    }
    case "bigint":
      return random.pick([0n, -1n, 2n ** 63n - 1n, value + 1n]);
    case "boolean":
      return !value;
    case "string":
      return random.pick([
        ...oddTexts,
        value + value,
        value.slice(0, random.below(value.length)),
        value.repeat(random.pick([2, 50, 1000])).slice(0, 50_000),
      ]);
    default:
      return value;
  }
}

/** What JSON may hold in any place. */
function otherType(value: unknown, random: Random): unknown {
  const others = [null, true, false, [], {}, [[]], "", 0, -1, ...oddFractions];
  return random.pick([...others, [value], { value }]);
}

function copies(value: unknown, random: Random): unknown[] {
  const isMany = typeof value !== "object" && random.chance(0.05);
  const count = isMany ? 5000 : 1 + random.below(3);
  return Array.from({ length: count }, () => structuredClone(value));
}

function placesOf(tree: object): Place[] {
  const places: Place[] = [];
  const front: [holder: object, field: string][] = [[tree, ""]];
  for (let next = front.pop(); next; next = front.pop()) {
    const [holder, around] = next;
    for (const [key, value] of Object.entries(holder)) {
      if (value === undefined) continue;
      const field = Array.isArray(holder) ? around : key;
      places.push({ holder: holder as Record<string, unknown>, key, field });
      const isInner = typeof value === "object" && value !== null;
      if (isInner && !ArrayBuffer.isView(value))
        front.push([value as object, field]);
    }
  }
  return places;
}

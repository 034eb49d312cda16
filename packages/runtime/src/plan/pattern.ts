// Unit patterns: `*` stands for one path element, `**` for any number of them, also none.

/**
 * Whether a unit's path matches a pattern. A skip matches only patterns that end in `.skip`.
 *
 * @param pattern such as `down_blocks.*.resnets.0` or `**.attn2`
 * @param path a unit's path
 */
export function matchesPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split(".");
  const given = path.split(".");
  if (given.at(-1) === "skip" && wanted.at(-1) !== "skip") return false;
  return matches(wanted, given);
}

function matches(wanted: readonly string[], given: readonly string[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return given.length === 0;
  if (first === "**") {
    return (
      given.some((_, i) => matches(rest, given.slice(i))) || matches(rest, [])
    );
  }
  if (given.length === 0 || (first !== "*" && first !== given[0])) return false;
  return matches(rest, given.slice(1));
}

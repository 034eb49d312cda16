// JSON as Python writes it: with bare Infinity, -Infinity and NaN.

/**
 * Reads JSON, and what Python's `json` writes beyond it: bare `Infinity` and `-Infinity` (every
 * file of a DPM-Solver holds one) and `NaN`, which becomes `null`. Inside of strings they stay
 * what they are.
 *
 * @param text a file's contents
 * @returns what it holds
 * @throws {SyntaxError} If the text is not JSON even so.
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!/Infinity|NaN/.test(text)) throw cause;
  }
  // Too large a number is how JSON spells infinity; no key of any class means anything by NaN.
  const valid = text.replace(
    /"(?:[^"\\]|\\.)*"|\bInfinity\b|\bNaN\b/g,
    (token) =>
      token.startsWith('"') ? token : token === "NaN" ? "null" : "1e999",
  );
  return JSON.parse(valid);
}

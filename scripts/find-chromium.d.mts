/** The path of a Chromium, or undefined. Throws when a variable names a file that does not start. */
export function findChromium(): string | undefined;

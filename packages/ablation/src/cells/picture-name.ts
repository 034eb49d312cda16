// Where the pictures behind the rows lie.

/**
 * File name, inside `pictures/`, of the picture that a cell's run of one pair ends with; `reference` is the full run.
 *
 * @param row a cell's name, or `reference`
 * @param pair index into the manifest's pairs
 */
export function pictureName(row: string, pair: number): string {
  const escaped = encodeURIComponent(row).replace(
    /[*!'()]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${escaped}-${pair}.png`;
}

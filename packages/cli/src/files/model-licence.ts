// The licence that a model's card names.

/**
 * Finds the licence in a model card: in the block of YAML at its head, as model hubs have it, else in the first line
 * or table row that begins with the word.
 * @param card the text of README.md
 * @returns such as `MIT` or `creativeml-openrail-m`; `undefined` if it names none
 */
export function licenceOf(card: string): string | undefined {
  const [, head = ""] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  const inHead = /^licen[cs]e:\s*["']?([\w.+-]+)/im.exec(head);
  const inText = /^[|\s*_#-]*licen[cs]e[*_]*\s*[:|][\s*_|[]*([\w.+-]*\w)/im;
  return (inHead ?? inText.exec(card))?.[1];
}

// The page's own parts by name, and what it says to whoever looks or listens.

/** The element that index.html gives this id. */
export const get = <T extends HTMLElement>(id: string) =>
  document.getElementById(id) as T;

/** What to draw. */
export const form = get<HTMLFormElement>("controls");

/** A field of the form. */
export const field = (name: string) =>
  form.elements.namedItem(name) as
    HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** Says where things stand, with what is odd about it in sentences. A screen reader reads it out, so not at every step. */
export function say(message: string, warnings: readonly string[] = []): void {
  setStatus(message, "");
  get("warnings").replaceChildren(
    ...warnings.map((warning) => {
      const item = document.createElement("li");
      item.textContent = `${warning[0]!.toUpperCase()}${warning.slice(1)}.`;
      return item;
    }),
  );
}

/** Says what went wrong. */
export function sayError(message: string): void {
  say("");
  setStatus(message, "error");
}

/** How far the work is, in [0, 1], and in words that no screen reader reads out. */
export function showProgress(part: number, words = ""): void {
  get<HTMLProgressElement>("progress").value = part;
  get("step").textContent = words;
}

function setStatus(message: string, className: string): void {
  Object.assign(get("status"), { textContent: message, className });
}

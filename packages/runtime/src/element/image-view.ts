// What an element shows: a canvas, a bar with a button to cancel, a line for screen readers and errors.
// Styles are a constructed sheet: a page's content security policy may forbid inline ones.

import type { Picture } from "../picture/picture.js";

const styles = `
:host { display: inline-block; position: relative; width: 256px; aspect-ratio: 1; contain: content; }
:host([hidden]) { display: none; }
canvas { display: block; width: 100%; height: 100%; object-fit: contain; background: #8881; image-rendering: pixelated; }
canvas.large { image-rendering: auto; }
.bar { position: absolute; inset: auto 0 0; display: flex; gap: 8px; align-items: center; padding: 8px; background: #000a; }
.bar[hidden] { display: none; }
progress { flex: 1; min-width: 0; height: 8px; accent-color: #8cf; }
button { font: 600 13px/1 system-ui, sans-serif; color: #fff; background: #444; border: 1px solid #aaa; border-radius: 4px; padding: 6px 10px; min-height: 28px; cursor: pointer; }
button:focus-visible { outline: 2px solid #8cf; outline-offset: 2px; }
p { position: absolute; inset: auto 0 0; margin: 0; padding: 8px; font: 13px/1.4 system-ui, sans-serif; color: #fff; background: #8b1a1a; overflow-wrap: anywhere; }
p.quiet { clip-path: inset(50%); width: 1px; height: 1px; padding: 0; overflow: hidden; }
`;

/** Pictures of at least so many pixels a side are scaled smoothly. */
const largeSide = 128;

/** The inside of an element. */
export class ImageView {
  readonly #canvas: HTMLCanvasElement;
  readonly #bar: HTMLElement;
  readonly #progress: HTMLProgressElement;
  readonly #status: HTMLElement;

  constructor(root: ShadowRoot, onCancel: () => void) {
    const { ownerDocument: page } = root.host;
    const make = <K extends keyof HTMLElementTagNameMap>(
      tag: K,
      attributes: Readonly<Record<string, string>>,
      ...children: Node[]
    ) => {
      const element = page.createElement(tag);
      for (const [name, value] of Object.entries(attributes))
        element.setAttribute(name, value);
      element.append(...children);
      return element;
    };
    this.#canvas = make("canvas", { part: "canvas", role: "img" });
    this.#progress = make("progress", { part: "progress", max: "1" });
    const button = make(
      "button",
      { part: "cancel", type: "button" },
      page.createTextNode("Cancel"),
    );
    button.addEventListener("click", onCancel);
    this.#bar = make(
      "div",
      { part: "bar", class: "bar", hidden: "" },
      this.#progress,
      button,
    );
    this.#status = make("p", {
      part: "status",
      role: "status",
      class: "quiet",
    });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];
    root.append(this.#canvas, this.#bar, this.#status);
    this.describe("");
  }

  /** Names the picture for those who do not see it. */
  describe(text: string): void {
    this.#canvas.setAttribute("aria-label", text || "No picture yet");
  }

  /** Draws a picture. */
  draw({ data, width, height }: Picture): void {
    Object.assign(this.#canvas, { width, height });
    this.#canvas.classList.toggle(
      "large",
      Math.max(width, height) >= largeSide,
    );
    this.#canvas
      .getContext("2d")!
      .putImageData(new ImageData(data, width, height), 0, 0);
  }

  /**
   * Shows how far the work is.
   * @param doing what is being done, for screen readers
   * @param value a part in [0, 1]; undefined where it is not known yet
   */
  busy(doing: string, value: number | undefined): void {
    this.#bar.hidden = false;
    this.#progress.setAttribute("aria-label", doing);
    if (value === undefined) this.#progress.removeAttribute("value");
    else this.#progress.value = value;
    this.#say(doing, true);
  }

  /** Shows that nothing is under way: what was done, for screen readers, or an error for all. */
  idle(message: string, isError: boolean): void {
    this.#bar.hidden = true;
    this.#say(message, !isError);
  }

  #say(message: string, isQuiet: boolean): void {
    this.#status.classList.toggle("quiet", isQuiet);
    if (this.#status.textContent !== message)
      this.#status.textContent = message;
  }
}

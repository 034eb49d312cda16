// A canvas to paint on, by mouse, finger, pen or keys; what is painted becomes a picture of white on black.

import { type Stroke, paint } from "./strokes.js";

/** What a pad is for. */
export interface PadOptions {
  /** What is painted on it, for those who do not see it. */
  readonly label: string;
  /** The colour in which strokes are shown. */
  readonly colour: string;
  /** How much of what lies below they hide, in [0, 1]. */
  readonly opacity: number;
  /** The brush at first, a part of the picture's width. */
  readonly brush: number;
  /** Told of every change. */
  readonly onChange: () => void;
}

/** How to paint by keys, for screen readers. */
const keys =
  "Arrow keys move the brush, Space sets it down and lifts it, Backspace takes the last stroke back.";

/** A part of the picture that an arrow key moves the brush by. */
const keyStep = 1 / 32;

/** A pad: its canvas, the brush's size, and buttons. */
export class Pad {
  readonly element = document.createElement("div");
  readonly #canvas = document.createElement("canvas");
  readonly #cursor = document.createElement("i");
  readonly #brush = document.createElement("input");
  readonly #said = document.createElement("output");
  readonly #options: PadOptions;
  #strokes: Stroke[] = [];
  #open: Stroke | undefined;
  #place: readonly [number, number] = [0.5, 0.5];
  #backdrop: CanvasImageSource | undefined;

  constructor(options: PadOptions) {
    this.#options = options;
    const { label, brush } = options;
    this.element.className = "pad";
    const canvas = this.#canvas;
    canvas.tabIndex = 0;
    canvas.role = "application";
    canvas.ariaLabel = label;
    canvas.ariaDescription = keys;
    this.#cursor.className = "brush";
    const paper = document.createElement("div");
    paper.className = "paper";
    paper.append(canvas, this.#cursor);
    Object.assign(this.#brush, {
      ...{ type: "range", min: "0.005", max: "0.5", step: "0.005" },
      ...{ value: String(brush), ariaLabel: `Brush for: ${label}` },
    });
    this.#said.className = "unseen";
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append(
      this.#brush,
      this.#button("Undo", () => this.#undo()),
      this.#button("Clear", () => this.clear()),
    );
    this.element.append(paper, tools, this.#said);
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"] as const)
      canvas.addEventListener(end, () => (this.#open = undefined));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => (this.#open = undefined));
    this.#brush.addEventListener("input", () => this.#showCursor());
    this.#showCursor();
  }

  /** Whether nothing is painted. */
  get isEmpty(): boolean {
    return this.#strokes.length === 0;
  }

  /** What lies below the strokes; undefined is black. */
  set backdrop(backdrop: CanvasImageSource | undefined) {
    this.#backdrop = backdrop;
    this.#show();
  }

  /** Sets the size of the picture, in pixels. */
  resize(width: number, height: number): void {
    const canvas = this.#canvas;
    if (canvas.width !== width || canvas.height !== height)
      Object.assign(canvas, { width, height });
    canvas.classList.toggle("large", width >= 128);
    this.#show();
  }

  /** Whether it can be painted on; else it shows its backdrop alone. */
  set isOpen(isOpen: boolean) {
    this.element.classList.toggle("closed", !isOpen);
    this.#canvas.tabIndex = isOpen ? 0 : -1;
    this.#canvas.role = isOpen ? "application" : "img";
  }

  /** Takes every stroke away. */
  clear(): void {
    this.#strokes = [];
    this.#open = undefined;
    this.#changed();
  }

  /** What is painted, white on black. */
  picture(): ImageData {
    const { width, height } = this.#canvas;
    const context = this.#layer();
    context.fillRect(0, 0, width, height);
    paint(context, this.#strokes, "#fff");
    return context.getImageData(0, 0, width, height);
  }

  /** A canvas of its size, for a moment. */
  #layer(): CanvasRenderingContext2D {
    const canvas = document.createElement("canvas");
    const { width, height } = this.#canvas;
    Object.assign(canvas, { width, height });
    return canvas.getContext("2d", { willReadFrequently: true })!;
  }

  #button(text: string, act: () => void): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.ariaLabel = `${text}: ${this.#options.label}`;
    button.addEventListener("click", act);
    return button;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.element.classList.contains("closed")) return;
    // a synthetic pointer cannot be captured
    if (event.isTrusted) this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#placeOf(event));
  }

  #move(event: PointerEvent): void {
    if (!this.#open || event.buttons === 0) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length > 0 ? all : [event])
      this.#open.points.push(this.#placeOf(one));
    this.#changed();
  }

  #key(event: KeyboardEvent): void {
    if (this.element.classList.contains("closed")) return;
    const [x, y] = this.#place;
    const to = {
      ArrowLeft: [x - keyStep, y],
      ArrowRight: [x + keyStep, y],
      ArrowUp: [x, y - keyStep],
      ArrowDown: [x, y + keyStep],
    }[event.key] as [number, number] | undefined;
    if (to) {
      this.#place = to.map((one) => Math.min(1, Math.max(0, one))) as [
        ...[number, number],
      ];
      if (this.#open) {
        this.#open.points.push(this.#place);
        this.#changed();
      }
      this.#showCursor();
    } else if (event.key === " ") {
      if (this.#open) this.#open = undefined;
      else this.#begin(this.#place);
      this.#said.textContent = this.#open ? "Brush down" : "Brush lifted";
    } else if (event.key === "Backspace") this.#undo();
    else return;
    event.preventDefault();
  }

  #begin(place: readonly [number, number]): void {
    this.#open = { width: Number(this.#brush.value), points: [place] };
    this.#strokes.push(this.#open);
    this.#changed();
  }

  #undo(): void {
    this.#open = undefined;
    this.#strokes.pop();
    this.#changed();
  }

  #placeOf({ clientX, clientY }: PointerEvent): readonly [number, number] {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  #changed(): void {
    this.#show();
    this.#options.onChange();
  }

  #show(): void {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d")!;
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    if (this.#backdrop) context.drawImage(this.#backdrop, 0, 0, width, height);
    const layer = this.#layer();
    paint(layer, this.#strokes, this.#options.colour);
    // all at once, so that strokes that cross hide no more than one
    context.globalAlpha = this.#options.opacity;
    context.drawImage(layer.canvas, 0, 0);
    context.globalAlpha = 1;
  }

  #showCursor(): void {
    const { style } = this.#cursor;
    const [x, y] = this.#place;
    style.left = `${100 * x}%`;
    style.top = `${100 * y}%`;
    style.width = `${100 * Number(this.#brush.value)}%`;
  }
}

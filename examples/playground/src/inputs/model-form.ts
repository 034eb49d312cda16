// The part of the form that depends on the model: it shows what a loaded model says that it takes, and hides the rest.

import type { InputPicture, ModelTakes, Picture, TakenOption } from "phaseskip";
import { field, form, get } from "../page.js";
import { Pad } from "./pad.js";
import { cutTo, fromFile, fromPicture, pixels } from "./start-picture.js";

/** Pictures that a call is told. */
export interface PicturesIn {
  readonly image?: InputPicture;
  readonly mask?: InputPicture;
  /** One for each of the model's ControlNets, in their order; undefined where nothing is drawn for it. */
  readonly control: readonly (InputPicture | undefined)[];
}

/** The width of a line in a drawing: a pixel of a small picture, more of a large one. */
const line = (width: number) => Math.max(1 / width, 1 / 128);

/** What a model takes, as fields and pads. */
export class ModelForm {
  readonly #details = get<HTMLDetailsElement>("more");
  readonly #lastPicture: () => Picture | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #imagePad: Pad;
  readonly #file = document.createElement("input");
  readonly #useLast = button("Last picture");
  readonly #remove = button("None");
  #image: HTMLCanvasElement | undefined;
  #controls: readonly { readonly name: string; readonly pad: Pad }[] = [];
  #takes: ModelTakes | undefined;
  /** Options of the model that was shown last. */
  #kind = "";
  #version = 0;

  /**
   * @param lastPicture what was drawn last, to start from
   * @param onError told of a file that is no picture
   */
  constructor(
    lastPicture: () => Picture | undefined,
    onError: (error: unknown) => void,
  ) {
    this.#lastPicture = lastPicture;
    this.#onError = onError;
    const changed = () => this.#version++;
    this.#imagePad = new Pad({
      ...{ label: "Paint what to draw anew", colour: "#ff2d78" },
      ...{ opacity: 0.6, brush: 0.15, onChange: changed },
    });
    this.#build();
    for (const name of ["height", "width"])
      field(name).addEventListener("change", () => this.#resize());
    // what is wrong in there has to be seen
    form.addEventListener("invalid", () => (this.#details.open = true), true);
  }

  /** What the model that is loaded takes; undefined where none is. */
  get takes(): ModelTakes | undefined {
    return this.#takes;
  }

  /** Another one as soon as a picture changes. */
  get version(): number {
    return this.#version;
  }

  /** Shows what a model takes. */
  show(takes: ModelTakes): void {
    if (JSON.stringify(takes) === JSON.stringify(this.#takes)) return;
    this.#takes = takes;
    const kind = JSON.stringify([takes.options, takes.needs]);
    // what was chosen for another kind of model is kept where this one cannot do without
    const isOther = kind !== this.#kind && !takes.needs.includes("image");
    this.#kind = kind;
    if (isOther) this.#removeImage();
    get("more-note").hidden = true;
    const has = (name: string) =>
      name === "size"
        ? takes.sizeMultiple !== undefined
        : takes.options.includes(name as TakenOption);
    for (const element of document.querySelectorAll<HTMLElement>(
      "[data-takes]",
    )) {
      const isTaken = has(element.dataset["takes"]!);
      element.hidden = !isTaken;
      const inner = element.querySelector<HTMLInputElement>("input, select");
      if (element instanceof HTMLFieldSetElement) element.disabled = !isTaken;
      else if (inner) inner.disabled = !isTaken;
    }
    for (const name of ["height", "width"] as const) {
      const input = field(name) as HTMLInputElement;
      input.min = input.step = String(takes.sizeMultiple ?? 1);
      input.placeholder = String(takes[name] ?? "");
    }
    this.#imagePad.isOpen = has("mask") && this.#image !== undefined;
    this.#showControls(takes);
    this.#resize();
    if (takes.needs.length > 0 || has("control")) this.#details.open = true;
  }

  /** Forgets what a model took, as another one is chosen. */
  reset(): void {
    this.#takes = undefined;
    get("more-note").hidden = false;
  }

  /** What the model does not draw without, and is not there yet, in words. */
  get lacking(): readonly string[] {
    const has = {
      image: this.#image !== undefined,
      mask: !this.#imagePad.isEmpty,
    };
    return (["image", "mask"] as const).filter(
      (name) => this.#takes?.needs.includes(name) && !has[name],
    );
  }

  /** What a link lacks: the pictures that a call is told, in words. */
  get inWords(): string {
    const { image, mask, control } = this.pictures;
    const names = [image && "image", mask && "mask"];
    return [...names, control.some(Boolean) && "lines"]
      .filter(Boolean)
      .join(", ");
  }

  /** The pictures that a call is told. */
  get pictures(): PicturesIn {
    const takes = (name: TakenOption) => this.#takes?.options.includes(name);
    const image = takes("image") ? this.#image : undefined;
    const isMasked = image && takes("mask") && !this.#imagePad.isEmpty;
    return {
      ...(image && { image: pixels(cutTo(image, ...this.#imageSize)) }),
      ...(isMasked && { mask: this.#imagePad.picture() }),
      control: this.#controls.map(({ pad }) =>
        pad.isEmpty ? undefined : pad.picture(),
      ),
    };
  }

  /** Shows where something is missing. */
  open(): void {
    this.#details.open = true;
    this.#details.scrollIntoView({ block: "nearest" });
  }

  #build(): void {
    const file = this.#file;
    Object.assign(file, { type: "file", accept: "image/*" });
    file.ariaLabel = "A picture of yours";
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      if (chosen) fromFile(chosen).then((one) => this.#use(one), this.#onError);
    });
    this.#useLast.addEventListener("click", () => {
      const last = this.#lastPicture();
      if (last) this.#use(fromPicture(last));
      else
        this.#onError(
          new Error("Cannot take the last picture: none is drawn yet"),
        );
    });
    this.#remove.addEventListener("click", () => this.#removeImage());
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append(this.#useLast, this.#remove);
    get("image").append(file, tools, this.#imagePad.element);
    this.#use(undefined);
  }

  #removeImage(): void {
    this.#file.value = "";
    this.#imagePad.clear();
    this.#use(undefined);
  }

  #use(image: HTMLCanvasElement | undefined): void {
    this.#image = image;
    this.#version++;
    this.#imagePad.element.hidden = image === undefined;
    this.#remove.hidden = image === undefined;
    this.#imagePad.isOpen =
      image !== undefined && (this.#takes?.options.includes("mask") ?? false);
    this.#resize();
  }

  #showControls({ controlNets }: ModelTakes): void {
    const names = this.#controls.map(({ name }) => name).join();
    if (names === controlNets.join()) return;
    const [, width] = this.#size;
    this.#controls = controlNets.map((name) => ({
      name,
      pad: new Pad({
        label: controlNets.length > 1 ? `Lines for ${name}` : "Lines to follow",
        ...{ colour: "#fff", opacity: 1, brush: line(width) },
        onChange: () => this.#version++,
      }),
    }));
    get("controls-drawn").replaceChildren(
      ...this.#controls.map(({ pad }) => pad.element),
    );
  }

  #resize(): void {
    const [height, width] = this.#size;
    for (const { pad } of this.#controls) pad.resize(width, height);
    const size = this.#imageSize;
    this.#imagePad.resize(...size);
    this.#imagePad.backdrop = this.#image && cutTo(this.#image, ...size);
    this.#version++;
  }

  /** Of the picture that is drawn, in pixels. */
  get #size(): readonly [height: number, width: number] {
    const side = (name: "height" | "width") => {
      const input = field(name) as HTMLInputElement;
      const said = input.disabled ? 0 : Number(input.value);
      return said >= 1 && said <= 4096 ? said : (this.#takes?.[name] ?? 64);
    };
    return [side("height"), side("width")];
  }

  /** Of the picture that is read, in pixels. */
  get #imageSize(): readonly [width: number, height: number] {
    const { enlargement = 1 } = this.#takes ?? {};
    const [height, width] = this.#size;
    return [
      Math.max(1, Math.round(width / enlargement)),
      Math.max(1, Math.round(height / enlargement)),
    ];
  }
}

function button(text: string): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  return element;
}

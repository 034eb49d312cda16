// A run that is over, to be played: what both pictures were at a step, and what ran then.

import type { StepReport } from "phaseskip";
import { KeptSteps } from "./kept-steps.js";
import { get } from "./page.js";
import { show } from "./pictures.js";
import type { Strip } from "./strip.js";

/** Time that a step is shown for while it plays, in ms. */
const pace = 120;

const names = { full: "The whole Unet", skipped: "The plan" };

/** Which of the two runs. */
export type Which = keyof typeof names;

/** The player below the pictures: a button, a slider, and what is to be seen at its step. */
export class Timeline {
  readonly #strip: Strip;
  readonly #play = get<HTMLButtonElement>("play");
  readonly #scrub = get<HTMLInputElement>("scrub");
  readonly #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #runs: Record<Which, KeptSteps> = {
    full: new KeptSteps(),
    skipped: new KeptSteps(),
  };
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(strip: Strip) {
    this.#strip = strip;
    this.#play.addEventListener("click", () => this.#press());
    this.#scrub.addEventListener("input", () => {
      this.#stop();
      this.#show();
    });
    this.#stillness.addEventListener("change", () => this.#stop());
    strip.onPick = (step) => {
      if (!this.#isOpen) return;
      this.#stop();
      this.#scrub.value = String(step);
      this.#show();
    };
    this.#stop();
  }

  /** Closes it, as a run begins; gives what takes the run's steps. */
  begin(which: Which): KeptSteps {
    this.close();
    return (this.#runs[which] = new KeptSteps());
  }

  /** Nothing to play: what was drawn is not what is set. */
  close(): void {
    this.#stop();
    this.#scrub.disabled = true;
    this.#play.ariaDisabled = "true";
    this.#strip.mark(undefined);
  }

  /** Both runs are over: they can be played. */
  open(): void {
    const last = this.#runs.skipped.length - 1;
    Object.assign(this.#scrub, { max: String(last), disabled: false });
    this.#scrub.value = String(last);
    this.#play.ariaDisabled = "false";
    this.#show();
  }

  get #isOpen(): boolean {
    return !this.#scrub.disabled;
  }

  /** Plays from here, or from the start; where motion is unwanted, goes a step on. */
  #press(): void {
    if (!this.#isOpen) return;
    if (this.#timer !== undefined) return this.#stop();
    const isAtEnd = this.#scrub.value === this.#scrub.max;
    if (isAtEnd) this.#go(0);
    else if (this.#stillness.matches) this.#go(this.#step + 1);
    if (this.#stillness.matches) return;
    this.#play.textContent = "Pause";
    this.#timer = setInterval(() => {
      if (this.#scrub.value === this.#scrub.max) this.#stop();
      else this.#go(this.#step + 1);
    }, pace);
  }

  get #step(): number {
    return Number(this.#scrub.value);
  }

  #go(step: number): void {
    this.#scrub.value = String(step);
    this.#show();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#play.textContent = this.#stillness.matches ? "Next step" : "Play";
  }

  #show(): void {
    const step = this.#step;
    const words = `step ${step + 1} of ${this.#runs.skipped.length}`;
    for (const which of ["full", "skipped"] as const) {
      const picture = this.#runs[which].pictureAt(step);
      const canvas = get<HTMLCanvasElement>(`then-${which}`);
      if (picture) show(canvas, picture, `${names[which]} at ${words}`);
    }
    const done = this.#runs.skipped.at(step);
    const said = done ? `${capital(words)}: ${whatRan(done.report)}` : words;
    get("then").textContent = said;
    this.#scrub.ariaValueText = said;
    this.#strip.mark(step);
  }
}

/** What a step computed and reused of the blocks that the plan acts on, in words. */
function whatRan({ timestep, contexts }: StepReport): string {
  const computed = new Set(contexts.flatMap((one) => one.computed));
  const reused = new Set(contexts.flatMap((one) => Object.keys(one.reused)));
  for (const unit of computed) reused.delete(unit);
  const count = ({ size }: ReadonlySet<string>) =>
    `${size} ${size === 1 ? "block" : "blocks"}`;
  const what = [
    ...(computed.size > 0 ? [`${count(computed)} computed`] : []),
    ...(reused.size > 0 ? [`${count(reused)} reused or forecast`] : []),
  ];
  const whole = what.length > 0 ? what.join(", ") : "the whole Unet computed";
  return `${whole}; timestep ${Math.round(timestep)}`;
}

const capital = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}`;

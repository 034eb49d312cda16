// <phaseskip-image>: a picture drawn in the page, for pages that want no code.

import type { Generated, LoadOptions, Pipeline } from "../pipeline.js";
import type { RunStep } from "../pipeline/run.js";
import type { QualityName } from "../plan/quality.js";
import type { Plan } from "../plan/plan.js";
import type { PicturesIn } from "./attribute-pictures.js";
import { drawImage } from "./draw-image.js";
import {
  imageRequest,
  namesPictures,
  numberAttribute,
  requestAttributes,
} from "./image-request.js";
import { ImageView } from "./image-view.js";
import { PipelineChoice } from "./pipeline-choice.js";

/** What the events of a `<phaseskip-image>` carry in `detail`; all of them bubble and leave shadow trees. */
export interface PhaseskipImageEvents {
  /** While the model is loaded and the picture is drawn: what is done, and a part in [0, 1] where it is known. */
  readonly "phaseskip-progress": {
    readonly doing: "loading" | "drawing";
    readonly value: number | undefined;
  };
  /** A step is done. */
  readonly "phaseskip-step": RunStep;
  /** The picture is there. */
  readonly "phaseskip-image": Generated;
  /** Why there is no picture. */
  readonly "phaseskip-error": unknown;
  /** The picture was given up: by the button, by `cancel()`, or for a newer one. */
  readonly "phaseskip-cancel": undefined;
}

// on a server there are no elements: the class can be imported, not made
const Base =
  "HTMLElement" in globalThis
    ? HTMLElement
    : (class {} as unknown as typeof HTMLElement);

/**
 * A picture drawn in the page: `<phaseskip-image model="/models/scenes/" prompt="a red boat at sunset"
 * worker-src="/phaseskip.worker.js">`.
 *
 * It draws when it is in the page and has a model and a worker, and again when an attribute changes; elements with the
 * same model and worker share them. With `manual` it draws only when `generate()` is called; with `loading="lazy"`
 * it waits until it comes near the window.
 *
 * Attributes: `model`, `controlnet` (addresses of ControlNets beside it, with spaces between), `worker-src`, `device`, `dtype`, `manual`, `loading`, `alt`; and as a call's options, with hyphens,
 * `prompt`, `negative-prompt`, `seed`, `steps`, `plan` (a name), `quality` (a word), `scheduler`, `guidance-scale`, `height`,
 * `width`, `strength`, `image-guidance-scale`, `noise-level`, `class-label`. `image`, `mask-image` and `control-image`
 * (one for each ControlNet, with spaces between; `control-scale` says how much they count) are URLs of pictures, whose middle
 * is taken at the size that is drawn.
 *
 * Parts for styling: `canvas`, `bar`, `progress`, `cancel`, `status`.
 *
 * @example
 * ```ts
 * import { PhaseskipImage } from "phaseskip/element";
 *
 * const image = document.querySelector("phaseskip-image");
 * if (image instanceof PhaseskipImage) image.prompt = "a red boat at sunset";
 * ```
 */
export class PhaseskipImage extends Base {
  /** Attributes whose change draws anew. */
  static readonly observedAttributes: readonly string[] = [
    ...requestAttributes,
    ...["model", "controlnet", "device", "dtype", "worker-src", "manual"],
  ];

  readonly #choice = new PipelineChoice();
  #view: ImageView | undefined;
  #run: AbortController | undefined;
  #worker: LoadOptions["worker"] | undefined;
  #plan: Plan | undefined;
  #isDue = false;
  #watch: IntersectionObserver | undefined;

  /** The worker, or a function that makes one; instead of `worker-src`. */
  get worker(): LoadOptions["worker"] | undefined {
    return this.#worker;
  }
  set worker(worker: LoadOptions["worker"] | undefined) {
    this.#worker = worker;
    this.#schedule();
  }

  /** The plan: a name, which is the attribute, or a whole plan. It goes before `quality`. @default "none" */
  get plan(): string | Plan {
    return this.#plan ?? this.getAttribute("plan") ?? "none";
  }
  set plan(plan: string | Plan) {
    this.#plan = typeof plan === "string" ? undefined : plan;
    if (typeof plan === "string") this.setAttribute("plan", plan);
    else this.#schedule();
  }

  /** One word for how near to the whole model's picture. @default "lossless" */
  get quality(): QualityName {
    return (this.getAttribute("quality") ?? "lossless") as QualityName;
  }
  set quality(quality: QualityName) {
    this.setAttribute("quality", quality);
  }

  /** URL of the model folder, as the attribute says it. */
  get model(): string {
    return this.getAttribute("model") ?? "";
  }
  set model(model: string) {
    this.setAttribute("model", model);
  }

  /** What to draw. */
  get prompt(): string {
    return this.getAttribute("prompt") ?? "";
  }
  set prompt(prompt: string) {
    this.setAttribute("prompt", prompt);
  }

  /** The generator's seed. @default 0 */
  get seed(): number {
    return numberAttribute(this, "seed") ?? 0;
  }
  set seed(seed: number) {
    this.setAttribute("seed", String(seed));
  }

  /** Sampling steps; undefined leaves them to plan and model. */
  get steps(): number | undefined {
    return numberAttribute(this, "steps");
  }
  set steps(steps: number | undefined) {
    if (steps === undefined) this.removeAttribute("steps");
    else this.setAttribute("steps", String(steps));
  }

  /**
   * Draws now; what was under way is given up.
   *
   * @throws {TypeError | RangeError} If an attribute is wrong or missing
   * @throws {PhaseskipError} If the world failed; its `code` says how
   * @throws {DOMException} `AbortError`, if it is cancelled
   */
  async generate(): Promise<Generated> {
    this.cancel();
    const run = new AbortController();
    this.#run = run;
    const view = this.#open();
    this.setAttribute("aria-busy", "true");
    try {
      this.#tell("phaseskip-progress", { doing: "loading", value: undefined });
      const generated = await this.#draw(view, run.signal);
      if (this.#run === run) this.#end(view, "The picture is drawn", false);
      this.#emit("phaseskip-image", generated);
      return generated;
    } catch (error) {
      if (!run.signal.aborted) {
        this.#end(
          view,
          error instanceof Error ? error.message : String(error),
          true,
        );
        this.#emit("phaseskip-error", error);
      }
      throw error;
    }
  }

  /** Gives up what is under way, also a load that no other element waits for. */
  cancel(): void {
    const run = this.#run;
    if (!run) return;
    this.#end(this.#open(), "Cancelled", false);
    run.abort(new DOMException("The picture was cancelled", "AbortError"));
    this.#emit("phaseskip-cancel", undefined);
  }

  /** Called by the browser. */
  connectedCallback(): void {
    this.#open();
    if (this.getAttribute("loading") !== "lazy") return this.#schedule();
    this.#watch = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.#unwatch();
        this.#schedule();
      },
      { rootMargin: "200px" },
    );
    this.#watch.observe(this);
  }

  /** Called by the browser. */
  disconnectedCallback(): void {
    this.#unwatch();
    // one that moves in the page comes back within the task
    setTimeout(() => {
      if (this.isConnected) return;
      this.cancel();
      this.#choice.leave();
    });
  }

  /** Called by the browser. */
  attributeChangedCallback(name: string): void {
    if (name === "plan") this.#plan = undefined;
    this.#schedule();
  }

  /** Draws once all attributes of this task are set. */
  #schedule(): void {
    if (this.#isDue || !this.isConnected || this.#watch) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      const hasAll =
        this.model !== "" && (this.#worker ?? this.getAttribute("worker-src"));
      if (!this.isConnected || !hasAll || this.hasAttribute("manual")) return;
      // whoever listens learns of a failure by its event
      this.generate().catch(() => undefined);
    });
  }

  /** The plan that was set; undefined leaves it to `quality`. */
  get #asked(): string | Plan | undefined {
    return this.#plan ?? this.getAttribute("plan") ?? undefined;
  }

  async #draw(view: ImageView, signal: AbortSignal): Promise<Generated> {
    const pipeline = await this.#choice.take(
      this,
      this.#worker,
      ({ modelLoaded, modelTotal }) => {
        const value =
          modelTotal > 0 ? Math.min(1, modelLoaded / modelTotal) : undefined;
        if (this.#run)
          this.#tell("phaseskip-progress", { doing: "loading", value });
      },
      signal,
    );
    const request = {
      ...imageRequest(this, this.#asked),
      ...(namesPictures(this) && (await this.#pictures(pipeline))),
      signal,
    };
    signal.throwIfAborted();
    const generated = await drawImage(view, pipeline, request, (step) => {
      this.#tell("phaseskip-progress", {
        doing: "drawing",
        value: (step.stepIndex + 1) / step.stepCount,
      });
      this.#emit("phaseskip-step", step);
    });
    view.describe(this.getAttribute("alt") ?? this.prompt);
    return generated;
  }

  async #pictures({ takes }: Pipeline): Promise<PicturesIn> {
    const { attributePictures } = await import("./attribute-pictures.js");
    return attributePictures(this, takes, numberAttribute);
  }

  #unwatch(): void {
    this.#watch?.disconnect();
    this.#watch = undefined;
  }

  #open(): ImageView {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    this.#view ??= new ImageView(root, () => this.cancel());
    return this.#view;
  }

  #end(view: ImageView, message: string, isError: boolean): void {
    this.#run = undefined;
    this.removeAttribute("aria-busy");
    view.idle(message, isError);
  }

  #tell(
    name: "phaseskip-progress",
    detail: PhaseskipImageEvents["phaseskip-progress"],
  ): void {
    this.#open().busy(
      detail.doing === "loading" ? "Loading the model" : "Drawing",
      detail.value,
    );
    this.#emit(name, detail);
  }

  #emit<K extends keyof PhaseskipImageEvents>(
    name: K,
    detail: PhaseskipImageEvents[K],
  ): void {
    this.dispatchEvent(
      new CustomEvent(name, { detail, bubbles: true, composed: true }),
    );
  }
}

// The plan: what to start from, the editor, and what is wrong with it.

import { type Pipeline, type Plan, describePlan } from "phaseskip";
import { get, say } from "./page.js";
import { methods, planText } from "./plan-choices.js";
import type { PlanEditor } from "./plan-editor.js";

/** What the panel asks of the page. */
export interface PlanGiver {
  /** The model's address. */
  readonly model: () => string;
  readonly numInferenceSteps: () => number;
  readonly load: () => Promise<Pipeline>;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/** The panel. */
export class PlanPanel {
  readonly #choice = get<HTMLSelectElement>("plan-choice");
  readonly #page: PlanGiver;
  /** Most of the page's script is the editor's: it comes while the form is filled. */
  #editor!: PlanEditor;
  /** Settles once the editor is there. */
  readonly opened: Promise<void>;
  /** The plan that was chosen last, on its way into the editor. */
  settled: Promise<void> = Promise.resolve();

  constructor(page: PlanGiver) {
    this.#page = page;
    this.opened = this.#open();
    this.#choice.addEventListener("change", () => this.choose());
  }

  /** What is written. */
  get text(): string {
    return this.#editor.text;
  }

  /** The plan; where the text is none, the mistake is marked and told. */
  check(): ReturnType<PlanEditor["check"]> {
    const checked = this.#editor.check();
    this.#say(checked.message);
    return checked;
  }

  /** Marks what a run found wrong with the plan. */
  mark(message: string): void {
    this.#say(this.#editor.mark(message));
  }

  /** What to start from: plans that the model ships first, then published methods. */
  offer(shipped: readonly string[]): void {
    this.#choice.replaceChildren(
      ...shipped.map((name) => new Option(name, `shipped:${name}`)),
      ...methods.map(({ label }, i) => new Option(label, `method:${i}`)),
      new Option("nothing skipped", "none"),
    );
    // a method asks for the model's units, and so for the whole model
    if (shipped.length === 0) this.#choice.value = "none";
  }

  /** Puts what is chosen into the editor. */
  choose(): void {
    this.take(this.#chosen().then(planText));
  }

  /** Puts a plan into the editor, unless another one is asked for meanwhile. */
  take(plan: Promise<string>): void {
    const isLast = () => this.settled === taken;
    const taken: Promise<void> = Promise.all([plan, this.opened]).then(
      ([text]) => {
        if (isLast()) this.#editor.text = text;
      },
      (error: unknown) => {
        if (isLast()) this.#page.onError(error);
      },
    );
    this.settled = taken;
  }

  async #open(): Promise<void> {
    const { PlanEditor } = await import("./plan-editor.js");
    // a task of its own, so that neither is long
    await new Promise((resolve) => setTimeout(resolve));
    this.#editor = new PlanEditor(get("editor"), this.#page.onChange);
  }

  async #chosen(): Promise<Plan> {
    const [kind, name] = this.#choice.value.split(":");
    if (kind === "shipped") {
      const path = `${this.#page.model()}plans/${name}.json`;
      const response = await fetch(new URL(path, document.baseURI));
      const { calibration: _, ...plan } = (await response.json()) as Plan;
      return plan;
    }
    if (kind === "method") {
      const model = await this.#page.load();
      const { units } = await describePlan(model, "none", { time: false });
      say("The plan is made for this model’s blocks.");
      const numInferenceSteps = this.#page.numInferenceSteps();
      return methods[Number(name)]!.make({ units, numInferenceSteps });
    }
    return {
      ...{ format: "phaseskip-plan", version: 1, name: "none" },
      ...{ phases: [], rules: [] },
    };
  }

  #say(mistake: string | undefined): void {
    get("plan-status").textContent = mistake ?? "The plan is well formed.";
    get("plan-status").className = mistake === undefined ? "" : "error";
  }
}

// Steps from left to right, units from top to bottom: what is to be computed and what reused, in pale, and in full colour
// what was.

import type { ContextDescription, Phase, PlanDescription } from "phaseskip";
import { shownAs } from "phaseskip/plans";

/** What a context does at a step, planned or done. */
type Acts = Pick<
  ContextDescription,
  "context" | "computed" | "reused" | "zeroed" | "changed"
>;

/** A step, planned or done. */
interface Step {
  readonly stepIndex: number;
  readonly contexts: readonly Acts[];
}

type State = "run" | "reuse" | "other" | "off";

const words: Record<State, string> = {
  run: "computed",
  reuse: "reused",
  other: "changed",
  off: "not needed",
};

const contextNames = {
  cond: "With the prompt",
  image: "With the image alone",
  uncond: "Without the prompt",
};

/** A picture of a run: all of it as planned, then step by step as it was. */
export class Strip {
  readonly #parent: HTMLElement;
  /** Told of a step that is pressed. */
  onPick: (step: number) => void = () => undefined;
  #rows: Row[] = [];

  constructor(parent: HTMLElement) {
    this.#parent = parent;
    parent.addEventListener("click", ({ target }) => {
      const cells = target instanceof Element && target.closest(".cells");
      if (cells) this.onPick([...cells.children].indexOf(target));
    });
  }

  /** Shows what is to happen, by the plan's phases. */
  plan({ steps, least }: PlanDescription, phases: readonly Phase[]): void {
    this.#rows = [];
    // where rules decide while it runs, either bound may name a unit
    const all = [...steps, ...(least?.steps ?? [])].flatMap(
      ({ contexts }) => contexts,
    );
    const tables = (["cond", "image", "uncond"] as const).flatMap((context) => {
      const acts = all.filter((act) => act.context === context);
      if (acts.length === 0) return [];
      const units = [...new Set(acts.flatMap(unitsOf))].sort(byPlace);
      // a plan that acts on the whole Unet, whose path is empty, says itself when that runs
      const whole = units.includes("") ? [] : [undefined];
      const rows = [...whole, ...units].map(
        (unit) => new Row(context, unit, steps),
      );
      this.#rows.push(...rows);
      return [table(contextNames[context], rows, steps, phases)];
    });
    this.#parent.replaceChildren(...tables);
  }

  /** Shows what happened at a step. */
  add(step: Step): void {
    for (const row of this.#rows) row.add(step);
  }

  /** Marks a step, and no other. */
  mark(step: number | undefined): void {
    for (const row of this.#rows) row.mark(step);
  }
}

/** One unit in one context; without a unit, the Unet itself. */
class Row {
  readonly element = document.createElement("tr");
  readonly #context: Acts["context"];
  readonly #unit: string | undefined;
  readonly #states: State[];
  readonly #cells: HTMLElement[];
  readonly #bar = document.createElement("div");
  readonly #total: HTMLElement;
  #done = 0;

  constructor(
    context: Acts["context"],
    unit: string | undefined,
    steps: readonly Step[],
  ) {
    this.#context = context;
    this.#unit = unit;
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = head.title = unit || "Unet";
    this.element.append(head);
    this.#bar.className = "cells";
    this.#bar.role = "img";
    this.element.insertCell().append(this.#bar);
    this.#total = this.element.insertCell();
    this.#states = steps.map((step) => this.#stateAt(step));
    this.#cells = this.#states.map(() => document.createElement("i"));
    this.#bar.append(...this.#cells);
    for (const i of this.#cells.keys()) this.#show(i, "planned");
    this.#sum();
  }

  add(step: Step): void {
    this.#states[step.stepIndex] = this.#stateAt(step);
    this.#show(step.stepIndex, "");
    this.#done = step.stepIndex + 1;
    this.#sum();
  }

  mark(step: number | undefined): void {
    for (const [i, cell] of this.#cells.entries())
      cell.classList.toggle("at", i === step);
  }

  #stateAt({ contexts }: Step): State {
    const acts = contexts.find(({ context }) => context === this.#context);
    const unit = this.#unit;
    if (!acts) return "off";
    if (unit === undefined) return "run";
    const shown = shownAs(unit, acts) ?? "off";
    return shown === "zero" || shown === "change" ? "other" : shown;
  }

  #show(i: number, planned: "planned" | ""): void {
    const state = this.#states[i]!;
    this.#cells[i]!.className = `${state} ${planned}`;
    this.#cells[i]!.title = `step ${i}: ${planned && "to be "}${words[state]}`;
  }

  #sum(): void {
    const computed = this.#states.filter((state) => state === "run").length;
    this.#total.textContent = `${computed} of ${this.#states.length}`;
    const when = (Object.keys(words) as State[]).flatMap((state) => {
      const steps = ranges(this.#states, state);
      return steps === "" ? [] : [`${words[state]} at ${steps}`];
    });
    const label =
      this.#done > 0 ? `steps up to ${this.#done - 1} done` : "planned";
    this.#bar.ariaLabel = `${label}: ${when.join("; ")}`;
  }
}

function table(
  title: string,
  rows: readonly Row[],
  steps: readonly { readonly timestep: number }[],
  phases: readonly Phase[],
): HTMLElement {
  const element = document.createElement("table");
  element.className = "strip";
  element.createCaption().textContent = title;
  const head = element.createTHead().insertRow();
  for (const name of ["unit", "steps", "computed"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    if (name === "steps") cell.append(axis(steps, phases));
    else cell.textContent = name;
    head.append(cell);
  }
  element.createTBody().append(...rows.map((row) => row.element));
  return element;
}

/** Where phases lie, and every fifth or so step's index. */
function axis(
  steps: readonly { readonly timestep: number }[],
  phases: readonly Phase[],
): HTMLElement {
  const bar = document.createElement("div");
  bar.className = "axis";
  bar.style.gridTemplateColumns = `repeat(${steps.length}, minmax(0, 1fr))`;
  const add = (className: string, text: string, from: number, to: number) => {
    const mark = document.createElement("span");
    mark.className = className;
    mark.textContent = mark.title = text;
    mark.style.gridColumn = `${from + 1} / ${to + 1}`;
    bar.append(mark);
  };
  for (const { name, from, to } of phases) {
    const inside = ({ timestep }: { readonly timestep: number }) =>
      to <= timestep && timestep < from;
    const first = steps.findIndex(inside);
    if (first >= 0) add("phase", name, first, steps.findLastIndex(inside) + 1);
  }
  const every = [1, 2, 5, 10, 20, 50, 100].find((n) => steps.length <= 8 * n);
  for (let i = 0; every !== undefined && i < steps.length; i += every)
    add("tick", String(i), i, i + 1);
  return bar;
}

/** The steps in a state, such as `0–3, 5`. */
function ranges(states: readonly State[], state: State): string {
  const parts: string[] = [];
  for (let i = 0; i < states.length; i++) {
    const first = i;
    while (states[i] === state) i++;
    if (i > first) parts.push(i - first > 1 ? `${first}–${i - 1}` : `${first}`);
  }
  return parts.join(", ");
}

function unitsOf(acts: Acts): string[] {
  return [
    ...acts.computed,
    ...Object.keys(acts.reused),
    ...acts.zeroed,
    ...Object.keys(acts.changed),
  ];
}

const order = ["conv_in", "down_blocks", "mid_block", "up_blocks", "conv_out"];

/** As data flows through the Unet. */
function byPlace(a: string, b: string): number {
  const rank = (unit: string) =>
    order.findIndex((part) => unit.startsWith(part));
  return rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true });
}

// Steps from left to right, units from top to bottom: what was computed, what was reused, what was left out.

import type { ContextReport, StepReport } from "phaseskip";

type State = "run" | "reuse" | "other" | "off";

const contextNames = { cond: "with the prompt", uncond: "without the prompt" };

/** A picture of a run that grows as steps come in. */
export class Strip {
  readonly #parent: HTMLElement;
  #stepCount = 0;
  #steps: StepReport[] = [];

  constructor(parent: HTMLElement) {
    this.#parent = parent;
  }

  /** Begins a new run. */
  start(stepCount: number): void {
    this.#stepCount = stepCount;
    this.#steps = [];
    this.#draw();
  }

  /** Shows a step more. */
  add(step: StepReport): void {
    this.#steps.push(step);
    this.#draw();
  }

  #draw(): void {
    const parts = (["cond", "uncond"] as const).flatMap((context) => {
      const reports = this.#steps.map((step) =>
        step.contexts.find((report) => report.context === context),
      );
      return reports.some(Boolean) ? [this.#table(context, reports)] : [];
    });
    this.#parent.replaceChildren(...parts);
  }

  #table(
    context: keyof typeof contextNames,
    reports: readonly (ContextReport | undefined)[],
  ): HTMLElement {
    const units = [
      ...new Set(reports.flatMap((report) => (report ? unitsOf(report) : []))),
    ].sort(byPlace);
    const table = document.createElement("table");
    table.className = "strip";
    table.createCaption().textContent = contextNames[context];
    const body = table.createTBody();
    const add = (name: string, states: readonly State[], note: string) => {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      head.title = name;
      const cell = row.insertCell();
      cell.append(cells(states, this.#stepCount));
      const total = row.insertCell();
      total.textContent = note;
      row.prepend(head);
    };
    const ran = reports.map((report): State => (report ? "run" : "off"));
    add("Unet", ran, `${count(ran, "run")} of ${reports.length}`);
    for (const unit of units) {
      const states = reports.map((report) => stateOf(report, unit));
      add(unit, states, `${count(states, "run")} of ${reports.length}`);
    }
    return table;
  }
}

function cells(states: readonly State[], stepCount: number): HTMLElement {
  const bar = document.createElement("div");
  bar.className = "cells";
  bar.style.gridTemplateColumns = `repeat(${stepCount}, 1fr)`;
  for (const [i, state] of states.entries()) {
    const cell = document.createElement("i");
    cell.className = state;
    cell.title = `step ${i}: ${{ run: "computed", reuse: "reused", other: "changed", off: "not needed" }[state]}`;
    bar.append(cell);
  }
  return bar;
}

function unitsOf(report: ContextReport): string[] {
  return [
    ...report.computed,
    ...Object.keys(report.reused),
    ...report.zeroed,
    ...Object.keys(report.changed),
  ];
}

function stateOf(report: ContextReport | undefined, unit: string): State {
  if (!report) return "off";
  if (unit in report.changed || report.zeroed.includes(unit)) return "other";
  if (report.computed.includes(unit)) return "run";
  return unit in report.reused ? "reuse" : "off";
}

const count = (states: readonly State[], state: State) =>
  states.filter((one) => one === state).length;

const order = ["conv_in", "down_blocks", "mid_block", "up_blocks", "conv_out"];

/** As data flows through the Unet. */
function byPlace(a: string, b: string): number {
  const rank = (unit: string) =>
    order.findIndex((part) => unit.startsWith(part));
  return rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true });
}

// The page: settings from the form and the address, the plan from the editor, and who does what when.

import { type Plan, describePlan } from "phaseskip";
import { Comparison } from "./comparison.js";
import { type ModelEntry, ModelLoader, listModels } from "./models.js";
import { field, form, get, say, sayError, showProgress } from "./page.js";
import { methods, planText } from "./plan-choices.js";
import type { PlanEditor } from "./plan-editor.js";
import { type Settings, fromHash, toHash } from "./settings.js";
import { Strip } from "./strip.js";

const choice = get<HTMLSelectElement>("plan-choice");
/** Most of the page's script is the editor's: it comes while the form is filled. */
let editor: PlanEditor;
const comparison = new Comparison(new Strip(get("strip")));
const loader = new ModelLoader();
let models: readonly ModelEntry[] = [];
let run: AbortController | undefined;
/** A prediction that waits or is made. */
let forecast: AbortController | undefined;
/** The plan that was chosen last, on its way into the editor. */
let choosing: Promise<void> = Promise.resolve();

const opened = openEditor();
const started = start();
started.then(drawLinked, fail);

async function start(): Promise<void> {
  listen();
  models = await listModels();
  field("model").replaceChildren(
    ...models.map(({ name, url }) => new Option(name, url)),
  );
  restore();
  await opened;
}

async function openEditor(): Promise<void> {
  const { PlanEditor } = await import("./plan-editor.js");
  // a task of its own, so that neither is long
  await new Promise((resolve) => setTimeout(resolve));
  editor = new PlanEditor(get("editor"), onPlanChange);
}

function listen(): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void started.then(drawBoth, () => undefined);
  });
  // a prompt is one line that may be long: Enter draws, as in any field of one line
  field("prompt").addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit();
  });
  field("model").addEventListener("change", () => {
    onModelChange();
    choosePlan();
  });
  choice.addEventListener("change", choosePlan);
  get("cancel").addEventListener("click", () => {
    run?.abort();
    loader.cancel();
  });
  get("dice").addEventListener("click", () => {
    field("seed").value = String(Math.floor(Math.random() * 1e6));
  });
  get("share").addEventListener("click", () => {
    void started.then(share, () => undefined);
  });
  // a link that is opened where the page is open already
  addEventListener("hashchange", () => {
    void started.then(restore).then(drawLinked, () => undefined);
  });
}

/** A link is its result: where the address says what to draw, it is drawn. */
async function drawLinked(): Promise<void> {
  if (location.hash.length > 1) await drawBoth();
}

/** Sets what the address says, and the usual where it says nothing. */
function restore(): void {
  const said = fromHash(location.hash);
  const model = models.find(({ url }) => url === said.model) ?? models[0]!;
  const usual: Settings = {
    ...{ model: model.url, prompt: model.prompt ?? "" },
    ...{ seed: 7, steps: 50, scheduler: "", guidance: "" },
    ...{ device: "auto", plan: "" },
  };
  const { plan, ...fields } = { ...usual, ...said, model: model.url };
  for (const [name, value] of Object.entries(fields))
    field(name).value = String(value);
  onModelChange();
  if (plan === "") choosePlan();
  else take(Promise.resolve(plan));
}

function settings(): Settings {
  const text = (name: string) => field(name).value;
  return {
    model: text("model"),
    prompt: field("prompt").disabled ? "" : text("prompt"),
    ...{ seed: Number(text("seed")), steps: Number(text("steps")) },
    ...{ scheduler: text("scheduler"), guidance: text("guidance") },
    ...{ device: text("device"), plan: editor.text },
  };
}

/** Whether there is a prompt, and plans: shipped ones first, then published methods. */
function onModelChange(): void {
  const model = models.find(({ url }) => url === field("model").value)!;
  field("prompt").disabled = model.prompt === undefined;
  if (field("prompt").value === "") field("prompt").value = model.prompt ?? "";
  choice.replaceChildren(
    ...model.plans.map((name) => new Option(name, `shipped:${name}`)),
    ...methods.map(({ label }, i) => new Option(label, `method:${i}`)),
    new Option("nothing skipped", "none"),
  );
  // a method asks for the model's units, and so for the whole model
  if (model.plans.length === 0) choice.value = "none";
}

function choosePlan(): void {
  take(chosenPlan().then(planText));
}

/** Puts a plan into the editor, unless another one is asked for meanwhile. */
function take(plan: Promise<string>): void {
  const isLast = () => choosing === taken;
  const taken: Promise<void> = Promise.all([plan, opened]).then(
    ([text]) => {
      if (isLast()) editor.text = text;
    },
    (error: unknown) => {
      if (isLast()) fail(error);
    },
  );
  choosing = taken;
}

async function chosenPlan(): Promise<Plan> {
  const [kind, name] = choice.value.split(":");
  if (kind === "shipped") {
    const path = `${field("model").value}plans/${name}.json`;
    const response = await fetch(new URL(path, document.baseURI));
    const plan = (await response.json()) as Plan;
    const { calibration: _, ...rest } = plan;
    return rest;
  }
  if (kind === "method") {
    const model = await load();
    const { units } = await describePlan(model, "none", { time: false });
    say("The plan is made for this model’s blocks.");
    const numInferenceSteps = Number(field("steps").value);
    return methods[Number(name)]!.make({ units, numInferenceSteps });
  }
  return {
    ...{ format: "phaseskip-plan", version: 1, name: "none" },
    ...{ phases: [], rules: [] },
  };
}

function onPlanChange(): void {
  forecast?.abort();
  const { plan, message } = editor.check();
  showPlanStatus(message);
  // before a first picture nothing is loaded, and a visitor who only reads is sent no model
  if (!plan || run || !loader.ready) return;
  const controller = new AbortController();
  forecast = controller;
  setTimeout(() => void predict(plan, controller.signal), 400);
}

async function predict(plan: Plan, signal: AbortSignal): Promise<void> {
  const model = signal.aborted ? undefined : await loader.ready;
  if (!model) return;
  try {
    await comparison.predict(model, settings(), plan, signal);
  } catch (error) {
    if (!signal.aborted) failPlan(error);
  }
}

function load() {
  const { model, device } = settings();
  if (!loader.ready) say("Loading the model …");
  return loader
    .load(model, device, (part) =>
      showProgress(part, `${Math.round(100 * part)} %`),
    )
    .finally(() => showProgress(0));
}

async function drawBoth(): Promise<void> {
  await choosing;
  const { plan, message } = editor.check();
  if (!plan) return sayError(message!);
  run?.abort();
  forecast?.abort();
  const controller = new AbortController();
  run = controller;
  const { signal } = controller;
  get("cancel").ariaDisabled = "false";
  history.replaceState(null, "", `#${toHash(settings())}`);
  // on a phone they lie below
  get("pictures").scrollIntoView({ block: "nearest" });
  try {
    const model = await load();
    signal.throwIfAborted();
    await comparison.draw(model, settings(), plan, signal);
  } catch (error) {
    if (!signal.aborted) failPlan(error);
    else if (run === controller) say("Cancelled.");
  } finally {
    if (run === controller) {
      run = undefined;
      get("cancel").ariaDisabled = "true";
      showProgress(0);
    }
  }
}

async function share(): Promise<void> {
  await choosing;
  const hash = `#${toHash(settings())}`;
  history.replaceState(null, "", hash);
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is in the clipboard.");
  } catch {
    say("The link is in the address bar.");
  }
}

function showPlanStatus(mistake: string | undefined): void {
  get("plan-status").textContent = mistake ?? "The plan is well formed.";
  get("plan-status").className = mistake === undefined ? "" : "error";
}

function fail(error: unknown): void {
  sayError(error instanceof Error ? error.message : String(error));
}

/** A mistake in the plan is shown at its place; anything else is said. */
function failPlan(error: unknown): void {
  fail(error);
  if ((error as { code?: string }).code === "plan-invalid")
    showPlanStatus(editor.mark((error as Error).message));
}

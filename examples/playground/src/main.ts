// The page: settings from the form and the address, the plan from the editor, and who does what when.

import type { Pipeline, Plan } from "phaseskip";
import { Comparison } from "./comparison.js";
import { ModelForm } from "./inputs/model-form.js";
import {
  type ModelEntry,
  ModelLoader,
  elsewhere,
  isFar,
  listModels,
} from "./models.js";
import { deviceName } from "./numbers.js";
import { field, form, get, say, sayError, showProgress } from "./page.js";
import { PlanPanel } from "./plan-panel.js";
import { requestOf } from "./request.js";
import { type Settings, fromHash, toHash } from "./settings.js";
import { Strip } from "./strip.js";
import { Timeline } from "./timeline.js";

const strip = new Strip(get("strip"));
const comparison = new Comparison(strip, new Timeline(strip));
const modelForm = new ModelForm(() => comparison.lastPicture, fail);
const loader = new ModelLoader();
let models: readonly ModelEntry[] = [];
let run: AbortController | undefined;
/** A prediction that waits or is made. */
let forecast: AbortController | undefined;

const plans = new PlanPanel({
  model: modelAddress,
  numInferenceSteps: () => Number(field("steps").value),
  load,
  onChange: onPlanChange,
  onError: fail,
});
const started = start();
started.then(drawLinked, fail);

async function start(): Promise<void> {
  listen();
  models = await listModels();
  field("model").replaceChildren(
    ...models.map(({ name, url }) => new Option(name, url)),
    new Option("another one …", elsewhere),
  );
  restore();
  await plans.opened;
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
    plans.choose();
    loadSoon();
  });
  for (const name of ["device", "dtype", "address"])
    field(name).addEventListener("change", () => {
      if (name === "address") onModelChange();
      loadSoon();
    });
  get("load").addEventListener("click", loadNow);
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

/** A link is its result: where the address says what to draw, it is drawn, unless that would ask another host. */
async function drawLinked(): Promise<void> {
  const { model, lacks } = { lacks: "", ...fromHash(location.hash) };
  if (location.hash.length < 2) return;
  if (model !== undefined && isFar(model, models))
    say(`This link’s model is ${model}: “Draw both” fetches it from its host.`);
  else if (lacks !== "") {
    await load().catch(fail);
    modelForm.open();
    say(
      `A link holds no pictures, and this one was drawn with ${lacks}: add what you like to “Size, pictures, dtype”, then press “Draw both”.`,
    );
  } else await drawBoth();
}

/** Sets what the address says, and the usual where it says nothing. */
function restore(): void {
  modelForm.reset();
  const said = fromHash(location.hash);
  const model = said.model ?? models[0]!.url;
  const listed = models.find(({ url }) => url === model);
  const { plan = "", ...fields } = {
    ...usual,
    prompt: listed?.prompt ?? "",
    ...said,
  };
  const place = listed ? model : elsewhere;
  const address = listed ? "" : model;
  for (const [name, value] of Object.entries({
    ...fields,
    address,
    model: place,
  }))
    if (name !== "lacks") field(name).value = String(value);
  onModelChange();
  if (plan === "") plans.choose();
  else plans.take(Promise.resolve(plan));
}

/** What is set where neither the address nor the model says anything. */
const usual = {
  ...{ seed: 7, steps: 50, scheduler: "", guidance: "", negative: "" },
  ...{ device: "auto", dtype: "", height: "", width: "", strength: "" },
  ...{ imageGuidance: "", noiseLevel: "", classLabel: "", controlScale: "" },
};

function modelAddress(): string {
  const model = field("model").value;
  return model === elsewhere ? field("address").value.trim() : model;
}

function settings(): Settings {
  const text = (name: string) =>
    field(name).disabled && modelForm.takes ? "" : field(name).value;
  return {
    model: modelAddress(),
    ...{ prompt: text("prompt"), negative: text("negative") },
    ...{ seed: Number(text("seed")), steps: Number(text("steps")) },
    ...{ scheduler: text("scheduler"), guidance: text("guidance") },
    ...{ device: text("device"), dtype: text("dtype") },
    ...{ height: text("height"), width: text("width") },
    ...{ strength: text("strength"), imageGuidance: text("imageGuidance") },
    ...{ noiseLevel: text("noiseLevel"), classLabel: text("classLabel") },
    ...{ controlScale: text("controlScale"), lacks: modelForm.inWords },
    plan: plans.text,
  };
}

/** Whether there is a prompt, and plans: shipped ones first, then published methods. */
function onModelChange(): void {
  const isElsewhere = field("model").value === elsewhere;
  const model = models.find(({ url }) => url === field("model").value);
  get("elsewhere").hidden = !isElsewhere;
  field("address").disabled = !isElsewhere;
  field("prompt").disabled = model !== undefined && model.prompt === undefined;
  if (field("prompt").value === "") field("prompt").value = model?.prompt ?? "";
  plans.offer(model?.plans ?? []);
}

function onPlanChange(): void {
  forecast?.abort();
  const { plan } = plans.check();
  // before a first picture nothing is loaded, and a visitor who only reads is sent no model
  if (!plan || run || !loader.ready) return;
  const controller = new AbortController();
  forecast = controller;
  setTimeout(() => void predict(plan, controller.signal), 400);
}

async function predict(plan: Plan, signal: AbortSignal): Promise<void> {
  const model = signal.aborted ? undefined : await loader.ready;
  if (!model || modelForm.lacking.length > 0) return;
  try {
    await comparison.predict(model, request(model), plan, signal);
  } catch (error) {
    if (!signal.aborted) failPlan(error);
  }
}

function request({ takes }: Pipeline) {
  return requestOf(settings(), takes, modelForm.pictures);
}

async function load(): Promise<Pipeline> {
  if (!loader.ready) say("Loading the model …");
  const model = await loader
    .load(settings(), (part) =>
      showProgress(part, `${Math.round(100 * part)} %`),
    )
    .finally(() => showProgress(0));
  modelForm.show(model.takes);
  field("prompt").disabled = !model.takes.options.includes("prompt");
  return model;
}

let pause: ReturnType<typeof setTimeout> | undefined;

/** Loads what was chosen, once no other choice follows: whoever goes through a list by keys chooses each entry. */
function loadSoon(): void {
  modelForm.reset();
  clearTimeout(pause);
  pause = setTimeout(loadNow, 500);
}

function loadNow(): void {
  if (run || !form.reportValidity()) return;
  get("cancel").ariaDisabled = "false";
  load()
    .then(({ device }) => say(`The model is loaded, on ${deviceName(device)}.`))
    .catch((error: unknown) => {
      if (!isAbort(error)) fail(error);
      else if (loader.isIdle) say("Cancelled.");
    })
    .finally(() => {
      if (!run) get("cancel").ariaDisabled = "true";
    });
}

async function drawBoth(): Promise<void> {
  await plans.settled;
  const { plan, message } = plans.check();
  if (!plan) return sayError(message!);
  run?.abort();
  forecast?.abort();
  const controller = new AbortController();
  run = controller;
  const { signal } = controller;
  get("cancel").ariaDisabled = "false";
  // on a phone they lie below
  get("pictures").scrollIntoView({ block: "nearest" });
  try {
    const model = await load();
    signal.throwIfAborted();
    const { lacking } = modelForm;
    const said = settings();
    history.replaceState(null, "", `#${toHash(said)}`);
    if (lacking.length > 0) {
      modelForm.open();
      return sayError(
        `This model needs ${lacking.map((name) => howTo[name]).join(", and ")}; then press “Draw both”.`,
      );
    }
    const { plan: _, ...rest } = said;
    const key = JSON.stringify([rest, modelForm.version]);
    await comparison.draw(model, request(model), key, plan, signal);
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

/** What to do where a model does not draw without a picture. */
const howTo: Readonly<Record<string, string>> = {
  image: "an image: choose a file, or the last picture",
  mask: "a mask: paint over the image what to draw anew",
};

async function share(): Promise<void> {
  await plans.settled;
  const said = settings();
  history.replaceState(null, "", `#${toHash(said)}`);
  const lacks = said.lacks && ` It lacks your pictures: ${said.lacks}.`;
  try {
    await navigator.clipboard.writeText(location.href);
    say(`The link is in the clipboard.${lacks}`);
  } catch {
    say(`The link is in the address bar.${lacks}`);
  }
}

const isAbort = (error: unknown) =>
  error instanceof DOMException && error.name === "AbortError";

function fail(error: unknown): void {
  sayError(error instanceof Error ? error.message : String(error));
}

/** A mistake in the plan is shown at its place; anything else is said. */
function failPlan(error: unknown): void {
  fail(error);
  if ((error as { code?: string }).code === "plan-invalid")
    plans.mark((error as Error).message);
}

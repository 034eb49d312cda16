// The page: settings in, two runs on one pipeline, pictures and numbers out.

import type { GenerateOptions, Generated, Pipeline, Plan } from "phaseskip";
import { describePlan, loadPipeline } from "phaseskip";
import type { Prediction } from "./numbers.js";
import { seconds, showNumbers, unetTime } from "./numbers.js";
import { difference, likeness, show } from "./pictures.js";
import { methods, planText } from "./plan-choices.js";
import { PlanEditor } from "./plan-editor.js";
import { type Settings, fromHash, toHash } from "./settings.js";
import { Strip } from "./strip.js";

/** A model that the page can load, as `models.json` beside it lists them. */
interface ModelEntry {
  readonly name: string;
  /** Relative to the page. */
  readonly url: string;
  /** Names of the plans that it ships. */
  readonly plans: readonly string[];
  readonly prompt?: string;
}

const get = <T extends HTMLElement>(id: string) =>
  document.getElementById(id) as T;
const form = get<HTMLFormElement>("controls");
const field = (name: string) =>
  form.elements.namedItem(name) as
    HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
const canvases = {
  full: get<HTMLCanvasElement>("full"),
  skipped: get<HTMLCanvasElement>("skipped"),
  difference: get<HTMLCanvasElement>("difference"),
};
const progress = get<HTMLProgressElement>("progress");
const choice = get<HTMLSelectElement>("plan-choice");

const strip = new Strip(get("strip"));
const editor = new PlanEditor(get("editor"), () => onPlanChange());
let models: readonly ModelEntry[] = [];
let loaded: { readonly key: string; readonly pipeline: Pipeline } | undefined;
/** The whole Unet's last picture, kept while only the plan changes. */
let whole: { readonly key: string; readonly generated: Generated } | undefined;
let run: AbortController | undefined;

await start();

async function start(): Promise<void> {
  const response = await fetch("./models.json");
  models = (await response.json()) as ModelEntry[];
  field("model").replaceChildren(
    ...models.map(({ name, url }) => new Option(name, url)),
  );
  const [first] = models;
  const usual: Settings = {
    model: first?.url ?? "",
    prompt: first?.prompt ?? "",
    seed: 7,
    steps: 30,
    scheduler: "",
    guidance: "",
    device: "auto",
    plan: "",
  };
  const settings = { ...usual, ...fromHash(location.hash) };
  for (const [name, value] of Object.entries(settings))
    if (name !== "plan") field(name).value = String(value);
  fillChoices();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void drawBoth();
  });
  // a prompt is one line that may be long: Enter draws, as in any field of one line
  field("prompt").addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit();
  });
  field("model").addEventListener("change", () => {
    fillChoices();
    void choosePlan();
  });
  choice.addEventListener("change", () => void choosePlan());
  get("cancel").addEventListener("click", () => run?.abort());
  get("dice").addEventListener("click", () => {
    field("seed").value = String(Math.floor(Math.random() * 1e6));
  });
  get("share").addEventListener("click", () => void share());
  if (settings.plan === "") await choosePlan();
  else editor.text = settings.plan;
}

/** Shipped plans first, then published methods. */
function fillChoices(): void {
  const shipped = models.find(({ url }) => url === field("model").value);
  choice.replaceChildren(
    ...(shipped?.plans ?? []).map(
      (name) => new Option(name, `shipped:${name}`),
    ),
    ...methods.map(({ label }, i) => new Option(label, `method:${i}`)),
    new Option("nothing skipped", "none"),
  );
}

async function choosePlan(): Promise<void> {
  const [kind, name] = choice.value.split(":");
  try {
    if (kind === "shipped") {
      const url = new URL(
        `${field("model").value}plans/${name}.json`,
        document.baseURI,
      );
      const plan = (await (await fetch(url)).json()) as Plan & {
        calibration?: unknown;
      };
      const { calibration: _, ...rest } = plan;
      editor.text = planText(rest);
    } else if (kind === "method") {
      const { units } = await describePlan(await pipeline(), "none");
      const numInferenceSteps = Number(field("steps").value);
      const plan = methods[Number(name)]!.make({ units, numInferenceSteps });
      editor.text = planText(plan);
    } else {
      editor.text = planText({
        format: "phaseskip-plan",
        version: 1,
        name: "none",
        phases: [],
        rules: [],
      });
    }
    say("Press “Draw both”.");
  } catch (error) {
    fail(error);
  }
}

function onPlanChange(): void {
  const { plan, message } = editor.check();
  get("plan-status").textContent = plan ? "The plan is well formed." : message!;
  get("plan-status").className = plan ? "" : "error";
}

function settings(): Settings {
  const text = (name: string) => field(name).value;
  return {
    ...{ model: text("model"), prompt: text("prompt") },
    ...{ seed: Number(text("seed")), steps: Number(text("steps")) },
    ...{ scheduler: text("scheduler"), guidance: text("guidance") },
    ...{ device: text("device"), plan: editor.text },
  };
}

/** The model's pipeline, loaded once for each model and device. */
async function pipeline(signal?: AbortSignal): Promise<Pipeline> {
  const { model, device } = settings();
  const key = JSON.stringify([model, device]);
  if (loaded?.key === key) return loaded.pipeline;
  loaded?.pipeline.dispose();
  loaded = undefined;
  say("Loading the model …");
  const made = await loadPipeline(model, {
    worker: () =>
      new Worker(new URL("prebuilt/phaseskip.worker.js", document.baseURI), {
        type: "module",
      }),
    device: device as "auto",
    ...(signal && { signal }),
    onProgress: ({ modelLoaded, modelTotal }) => {
      if (modelTotal > 0) progress.value = modelLoaded / modelTotal;
    },
  });
  loaded = { key, pipeline: made };
  return made;
}

async function drawBoth(): Promise<void> {
  const { plan, message } = editor.check();
  if (!plan) return say(message!, true);
  run?.abort();
  const controller = new AbortController();
  run = controller;
  const { signal } = controller;
  get("cancel").hidden = false;
  history.replaceState(null, "", `#${toHash(settings())}`);
  try {
    const model = await pipeline(signal);
    const { plan: _, ...rest } = settings();
    const key = JSON.stringify(rest);
    const request = {
      ...(rest.prompt !== "" && { prompt: rest.prompt }),
      seed: rest.seed,
      numInferenceSteps: rest.steps,
      ...(rest.scheduler !== "" && { scheduler: rest.scheduler as "ddim" }),
      ...(rest.guidance !== "" && { guidanceScale: Number(rest.guidance) }),
    };
    const predicted = {
      whole: await describePlan(model, "none", request),
      plan: await describePlan(model, plan, request),
    };
    if (whole?.key !== key) {
      const generated = await draw(
        model,
        { ...request, plan: "none" },
        "full",
        signal,
      );
      whole = { key, generated };
    }
    const skipped = await draw(model, { ...request, plan }, "skipped", signal);
    compare(whole.generated, skipped, predicted);
  } catch (error) {
    if (!signal.aborted) fail(error);
    else if (run === controller) say("Cancelled.");
  } finally {
    if (run === controller) {
      run = undefined;
      get("cancel").hidden = true;
      progress.value = 0;
    }
  }
}

async function draw(
  model: Pipeline,
  request: GenerateOptions,
  which: "full" | "skipped",
  signal: AbortSignal,
): Promise<Generated> {
  const name = which === "full" ? "The whole Unet" : "The plan";
  const steps = model.denoise({ ...request, signal, preview: 1 });
  for (;;) {
    const next = await steps.next();
    if (next.done) {
      const prompt =
        request.prompt === undefined ? "" : `: ${String(request.prompt)}`;
      show(
        canvases[which],
        next.value.images[0]!,
        `${name}’s picture${prompt}`,
      );
      return next.value;
    }
    const { stepIndex, stepCount, report, preview } = next.value;
    if (stepIndex === 0 && which === "skipped") strip.start(stepCount);
    if (which === "skipped") strip.add(report);
    if (preview)
      show(canvases[which], preview[0]!, `${name}, step ${stepIndex + 1}`);
    progress.value = (stepIndex + 1) / stepCount;
    say(`${name} draws: step ${stepIndex + 1} of ${stepCount}`);
  }
}

function compare(
  full: Generated,
  skipped: Generated,
  predicted: Prediction,
): void {
  const [a, b] = [full.images[0]!, skipped.images[0]!];
  const likenessNow = likeness(a, b);
  show(
    canvases.difference,
    difference(a, b),
    `Their difference; SSIM ${likenessNow.toFixed(3)}`,
  );
  get("difference-note").textContent = `SSIM ${likenessNow.toFixed(3)}`;
  get("full-note").textContent = seconds(unetTime(full));
  get("skipped-note").textContent = seconds(unetTime(skipped));
  showNumbers(full, skipped, predicted);
  const warnings = [...skipped.report.warnings];
  const device = `${skipped.report.device}${skipped.report.threads > 1 ? `, ${skipped.report.threads} threads` : ""}`;
  say([`Done on ${device}.`, ...warnings].join(" "));
}

async function share(): Promise<void> {
  const hash = `#${toHash(settings())}`;
  history.replaceState(null, "", hash);
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is in the clipboard.");
  } catch {
    say("The link is in the address bar.");
  }
}

function say(message: string, isError = false): void {
  const status = get("status");
  status.textContent = message;
  status.className = isError ? "error" : "";
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  say(message, true);
  if (
    error instanceof Error &&
    (error as { code?: string }).code === "plan-invalid"
  )
    editor.markMessage(message);
}

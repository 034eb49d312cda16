// <phaseskip-image> in a real page: drawing, sharing, giving up, failing, and what a screen reader is told.
import { afterEach, describe, expect, test, vi } from "vitest";
import "../../src/element.js";
import type {
  PhaseskipImage,
  PhaseskipImageEvents,
} from "../../src/element.js";
import { loadPipeline } from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

const startWorker = () =>
  new Worker(new URL("../wire/pipeline-worker.ts", import.meta.url), {
    type: "module",
  });

afterEach(() => document.body.replaceChildren());

function make(
  attributes: Readonly<Record<string, string>> = {},
  worker: (() => Worker) | null = startWorker,
): PhaseskipImage {
  const element = document.createElement("phaseskip-image") as PhaseskipImage;
  const given = {
    model: "/models/tiny-text-ts/",
    prompt: fewSteps.prompt,
    seed: String(fewSteps.seed),
    steps: String(fewSteps.numInferenceSteps),
    device: "wasm",
    ...attributes,
  };
  for (const [name, value] of Object.entries(given))
    element.setAttribute(name, value);
  if (worker) element.worker = worker;
  return element;
}

function next<K extends keyof PhaseskipImageEvents>(
  element: EventTarget,
  name: K,
): Promise<PhaseskipImageEvents[K]> {
  return new Promise((resolve) => {
    const listener = (event: Event) =>
      resolve((event as CustomEvent<PhaseskipImageEvents[K]>).detail);
    element.addEventListener(name, listener, { once: true });
  });
}

const inside = (element: PhaseskipImage, selector: string) =>
  element.shadowRoot!.querySelector<HTMLElement>(selector)!;

function pixels(element: PhaseskipImage): Uint8ClampedArray {
  const canvas = inside(element, "canvas") as HTMLCanvasElement;
  return canvas
    .getContext("2d")!
    .getImageData(0, 0, canvas.width, canvas.height).data;
}

/** The address of a picture of one colour, or of two, side by side. */
function picture(left: string, right = left): string {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 40, height: 20 });
  const context = canvas.getContext("2d")!;
  context.fillStyle = left;
  context.fillRect(0, 0, 20, 20);
  context.fillStyle = right;
  context.fillRect(20, 0, 20, 20);
  return canvas.toDataURL();
}

describe("<phaseskip-image>", { timeout: 60_000 }, () => {
  test("draws by itself what generate() draws, and says how far it is", async () => {
    const element = make();
    const progress: PhaseskipImageEvents["phaseskip-progress"][] = [];
    element.addEventListener("phaseskip-progress", (event) =>
      progress.push(
        (event as CustomEvent<PhaseskipImageEvents["phaseskip-progress"]>)
          .detail,
      ),
    );
    const drawn = next(document, "phaseskip-image");
    document.body.append(element);
    const { images } = await drawn;
    expect(pixels(element)).toEqual(images[0]!.data);
    expect(inside(element, "canvas").ariaLabel).toBe(fewSteps.prompt);
    expect(inside(element, "[part=bar]").hidden).toBe(true);
    const steps = progress.filter(({ doing }) => doing === "drawing");
    expect(steps).toHaveLength(fewSteps.numInferenceSteps);
    expect(steps.at(-1)!.value).toBe(1);
    const pipeline = await loadPipeline("/models/tiny-text-ts/", {
      worker: startWorker,
      device: "wasm",
    });
    const { prompt, seed, numInferenceSteps } = fewSteps;
    const direct = await pipeline.generate({ prompt, seed, numInferenceSteps });
    expect(images[0]!.data).toEqual(direct.images[0]!.data);
    pipeline.dispose();
  });

  test("elements with one model and worker share them; another prompt is another picture", async () => {
    const worker = vi.fn(startWorker);
    const [one, two] = [make({}, worker), make({ seed: "8" }, worker)];
    const both = [
      next(one, "phaseskip-image"),
      next(two, "phaseskip-image"),
    ] as const;
    document.body.append(one, two);
    await Promise.all(both);
    expect(worker).toHaveBeenCalledTimes(1);
    const before = pixels(two);
    const again = next(two, "phaseskip-image");
    two.prompt = "a blue house";
    await again;
    expect(pixels(two)).not.toEqual(before);
    expect(worker).toHaveBeenCalledTimes(1);
  });

  test.for([
    ["negative-prompt", "boat"],
    ["guidance-scale", "1"],
    ["scheduler", "euler"],
    ["steps", "3"],
  ] as const)("%s changes the picture", async ([name, value]) => {
    const element = make();
    const first = next(element, "phaseskip-image");
    document.body.append(element);
    const before = (await first).sample;
    const second = next(element, "phaseskip-image");
    element.setAttribute(name, value);
    expect((await second).sample).not.toEqual(before);
  });

  test.for([
    [
      "tiny-sd-image-ts",
      {},
      [
        ["image", picture("#f40")],
        ["strength", "0.5"],
        ["mask-image", picture("#fff", "#000")],
        ["control-image", picture("#000", "#fff")],
        ["control-scale", "0.5"],
        ["height", "32"],
      ],
    ],
    [
      "tiny-pix2pix-ts",
      { image: picture("#f40") },
      [["image-guidance-scale", "3"]],
    ],
    ["tiny-upscale-ts", { image: picture("#f40") }, [["noise-level", "200"]]],
  ] as const)(
    "%s draws another picture with each attribute more",
    async ([name, given, attributes]) => {
      const element = make({
        ...{ model: `/models/${name}/`, prompt: "boat", steps: "3" },
        ...(name === "tiny-sd-image-ts" && {
          controlnet: "/models/tiny-control-ts/controlnet_0/model.onnx",
        }),
        ...given,
      });
      const samples: Float32Array[] = [];
      const first = next(element, "phaseskip-image");
      document.body.append(element);
      samples.push((await first).sample);
      for (const [attribute, value] of attributes) {
        const drawn = next(element, "phaseskip-image");
        element.setAttribute(attribute, value);
        const { sample } = await drawn;
        for (const other of samples)
          expect(sample, attribute).not.toEqual(other);
        samples.push(sample);
      }
    },
  );

  test("class-label is a class's number", async () => {
    const element = make({ "class-label": "boat" });
    const failed = next(element, "phaseskip-error");
    document.body.append(element);
    expect(String(await failed)).toMatch(/classLabel must be the number/);
  });

  test("a picture that is none is told by its address", async () => {
    const element = make({ image: "/models/nowhere.png" });
    const failed = next(element, "phaseskip-error");
    document.body.append(element);
    expect(String(await failed)).toMatch(/Cannot draw from .*nowhere\.png/);
  });

  test("takes a plan by name or whole, and reports it", async () => {
    const element = make({ plan: "none" });
    const first = next(element, "phaseskip-image");
    document.body.append(element);
    expect((await first).report.plan).toBe("none");
    const second = next(element, "phaseskip-image");
    element.plan = {
      format: "phaseskip-plan",
      version: 1,
      name: "mine",
      phases: [],
      rules: [{ units: ["mid_block"], action: "zero" }],
    };
    expect((await second).report.plan).toBe("mine");
  });

  test("the button cancels, and the next change draws again", async () => {
    const element = make({ steps: "200" });
    document.body.append(element);
    await next(element, "phaseskip-step");
    expect(element.getAttribute("aria-busy")).toBe("true");
    const cancelled = next(element, "phaseskip-cancel");
    inside(element, "button").click();
    await cancelled;
    expect(element.hasAttribute("aria-busy")).toBe(false);
    expect(inside(element, "[role=status]").textContent).toBe("Cancelled");
    const drawn = next(element, "phaseskip-image");
    element.steps = 2;
    expect((await drawn).report.steps).toHaveLength(2);
  });

  test("a newer picture takes the place of one under way", async () => {
    const element = make({ steps: "200" });
    document.body.append(element);
    await next(element, "phaseskip-step");
    const given = element.generate().catch((error: unknown) => error);
    const newer = next(element, "phaseskip-image");
    element.steps = 2;
    expect(await given).toMatchObject({ name: "AbortError" });
    expect((await newer).report.steps).toHaveLength(2);
  });

  test("manual draws only when asked", async () => {
    const element = make({ manual: "" });
    const drawn = vi.fn();
    element.addEventListener("phaseskip-image", drawn);
    document.body.append(element);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(drawn).not.toHaveBeenCalled();
    const { images } = await element.generate();
    expect(images).toHaveLength(1);
    expect(drawn).toHaveBeenCalledTimes(1);
  });

  test('loading="lazy" waits until it comes near the window', async () => {
    const element = make({ loading: "lazy" });
    const drawn = vi.fn();
    element.addEventListener("phaseskip-image", drawn);
    const spacer = document.createElement("div");
    spacer.style.height = "5000px";
    document.body.append(spacer, element);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(drawn).not.toHaveBeenCalled();
    const shown = next(element, "phaseskip-image");
    element.scrollIntoView();
    await shown;
  });

  test("shows why there is no picture, and draws once the reason is gone", async () => {
    const element = make({ model: "/models/nowhere/" });
    const failed = next(element, "phaseskip-error");
    document.body.append(element);
    expect(await failed).toMatchObject({ name: "PhaseskipError" });
    const status = inside(element, "[role=status]");
    expect(status.textContent).toMatch(/nowhere/);
    expect(status.className).toBe("");
    const drawn = next(element, "phaseskip-image");
    element.model = "/models/tiny-text-ts/";
    await drawn;
    expect(status.className).toBe("quiet");
  });

  test("a wrong attribute is told in the words of generate()", async () => {
    const element = make({ steps: "many" });
    const failed = next(element, "phaseskip-error");
    document.body.append(element);
    expect(String(await failed)).toMatch(/numInferenceSteps/);
  });

  test("moving it in the page keeps the pipeline; leaving the page gives it back", async () => {
    const worker = vi.fn(startWorker);
    const element = make({}, worker);
    const first = next(element, "phaseskip-image");
    document.body.append(element);
    await first;
    const moved = next(element, "phaseskip-image");
    const frame = document.createElement("section");
    document.body.append(frame);
    frame.append(element);
    await moved;
    expect(worker).toHaveBeenCalledTimes(1);
    element.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const back = next(element, "phaseskip-image");
    document.body.append(element);
    await back;
    expect(worker).toHaveBeenCalledTimes(2);
  });

  test("generate() without a worker says what is missing", async () => {
    const element = make({ manual: "" }, null);
    document.body.append(element);
    await expect(element.generate()).rejects.toThrow(
      "Cannot draw as a <phaseskip-image> needs the attribute worker-src",
    );
  });
});

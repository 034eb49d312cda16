// A pipeline, its options and its report inside the reactive state of the frameworks that apps are made of.
import { reactive, ref } from "@vue/reactivity";
import { observable } from "mobx";
import { createStore } from "solid-js/store";
// @ts-expect-error the entry that compiled components import has no types
import { proxy as svelteState } from "svelte/internal/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  describePlan,
  loadPipeline,
  type GenerateOptions,
  type Pipeline,
} from "../../src/index.js";
import { fewSteps } from "../pipeline/pipeline-cases.js";

let pipeline: Pipeline;
let sample: Float32Array;
beforeAll(async () => {
  pipeline = await loadPipeline("/models/tiny-text-ts/", {
    worker: () =>
      new Worker(new URL("./pipeline-worker.ts", import.meta.url), {
        type: "module",
      }),
    device: "wasm",
  });
  ({ sample } = await pipeline.generate(fewSteps));
});
afterAll(() => pipeline.dispose());

/** What the compiler makes of `$state(…)`. */
const proxy = svelteState as <T>(value: T) => T;

/** The same value, as a component reads it out of its state. */
const frameworks: [string, <T extends object>(value: T) => T][] = [
  ["Vue's ref()", (value) => ref(value).value as typeof value],
  ["Vue's reactive()", (value) => reactive({ value }).value as typeof value],
  ["Svelte's $state", (value) => proxy({ value }).value],
  ["MobX's observable", (value) => observable({ value }).value],
  ["Solid's store", (value) => createStore({ value })[0].value],
];

describe.each(frameworks)("%s", (_, inState) => {
  test("holds a pipeline that draws, steps, describes, and says where it runs", async () => {
    const held = inState(pipeline);
    expect(held.device).toBe("wasm");
    expect([...held.warnings]).toEqual([...pipeline.warnings]);
    const made = await held.generate(fewSteps);
    expect(made.sample).toEqual(sample);
    const steps = held.denoise({ ...fewSteps, preview: 1 });
    const { value } = await steps.next();
    expect(value).toMatchObject({ stepIndex: 0 });
    await steps.return(undefined as never);
    const { steps: described } = await describePlan(held, "none", {
      ...fewSteps,
      time: false,
    });
    expect(described).toHaveLength(5);
  });

  test("holds options: prompts, a plan, sizes, one's own last picture", async () => {
    const { images } = await pipeline.generate(fewSteps);
    const options: GenerateOptions = {
      ...fewSteps,
      prompt: ["a red boat on the sea"],
      negativePrompt: ["blue"],
      plan: {
        phases: [{ name: "late", from: 600, to: 0 }],
        rules: [
          {
            units: ["up_blocks.1"],
            phases: ["late"],
            action: "reuse",
            refresh: { every: 2 },
          },
        ],
        format: "phaseskip-plan",
        version: 1,
      },
      image: { ...images[0]! },
    };
    const plainly = await pipeline.generate(options);
    const reactively = await pipeline.generate(inState(options));
    expect(reactively.sample).toEqual(plainly.sample);
    expect(reactively.sample).not.toEqual(sample);
  });

  test("holds a report whose decisions are handed in again", async () => {
    const { report } = await pipeline.generate(fewSteps);
    expect(structuredClone(report)).toEqual(report);
    const { decisions } = report;
    const held = inState({ decisions: decisions ?? [] });
    const again = await pipeline.generate({ ...fewSteps, ...held });
    expect(again.sample).toEqual(sample);
  });
});

describe("what no message carries is named by its option", () => {
  test.each<[string, object, RegExp]>([
    [
      "a function",
      { seed: () => 3 },
      /as seed must be plain data: it is a function/,
    ],
    [
      "a function deep in a plan",
      { plan: { rules: [{ units: [() => "up_blocks.1"] }] } },
      /as plan\.rules\[0\]\.units\[0\] must be plain data/,
    ],
    ["a promise", { image: Promise.resolve() }, /as image must .* a Promise/],
    ["a node of the page", { image: document.body }, /as image must .* HTML/],
  ])("%s", async (_, options, says) => {
    const wrong = { ...fewSteps, ...options } as GenerateOptions;
    const error: unknown = await pipeline
      .generate(wrong)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(says);
  });
});

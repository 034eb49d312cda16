import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schedulerNames } from "@phaseskip/scheduler";
import type { Rule } from "../../src/plan/plan.js";
import { Study } from "../../src/study/study.js";
import type { StudyWindow } from "../../src/study/study-window.js";
import type { RestartPoint } from "../../src/study/restart-point.js";
import type { StudyRun } from "../../src/study/study-run.js";
import { fixtureFolder } from "../unet/unet-runs.js";

const draw = { prompt: "a red boat at sunset", seed: 7 };
const unit = "up_blocks.1.resnets.0";
const steps = 7;

/** Every action that a sweep takes; all others go through the same code. */
const actions: readonly (readonly [string, Rule])[] = [
  ["zero", { units: [unit], action: "zero" }],
  ["zero of a skip", { units: [`${unit}.skip`], action: "zero" }],
  ["reuse every 2", { units: [unit], action: "reuse", refresh: { every: 2 } }],
  ["reuse every 5", { units: [unit], action: "reuse", refresh: { every: 5 } }],
  ["zero of a residual", { units: [unit], action: "zero", value: "residual" }],
  [
    "reuse of a residual",
    {
      units: [unit],
      action: "reuse",
      value: "residual",
      refresh: { every: 3 },
    },
  ],
  ["bypass", { units: ["mid_block"], action: "bypass" }],
  ["mean", { units: [unit, `${unit}.skip`], action: "mean" }],
  [
    "forecast",
    {
      ...{ units: [unit], action: "forecast", values: 3, basis: "bdf" },
      refresh: { every: 2 },
    },
  ],
  [
    "forecast of the whole output",
    {
      ...{ units: [""], action: "forecast", values: 2, basis: "taylor" },
      refresh: { every: 2 },
    },
  ],
  [
    "extrapolate",
    { units: [unit], action: "extrapolate", order: 1, refresh: { every: 2 } },
  ],
];

const windowOf = (rule: Rule): StudyWindow => ({
  rules: [rule],
  firstStep: 1,
  endStep: 6,
});

/** What a point holds, as another process would get it. */
const moved = (point: RestartPoint): RestartPoint => structuredClone(point);

describe.each(schedulerNames)("Study under %s", (scheduler) => {
  let study: Study;
  let run: StudyRun;

  beforeAll(async () => {
    study = await Study.open(fixtureFolder("tiny-text-ts"), {
      scheduler,
      numInferenceSteps: steps,
      guidanceScale: 3,
    });
    await study.prepare(actions.map(([, rule]) => windowOf(rule)));
    run = await study.begin(draw);
    const collect = study.collectMeans([unit, `${unit}.skip`]);
    await run.advance(run.start(), study.scheduler.timesteps.length, {
      collect,
    });
    await study.setMeans(collect.means());
  });
  afterAll(async () => {
    run.dispose();
    await study.dispose();
  });

  test.each(actions)(
    "StudyRun.advance() goes on from every step with the bytes of the run that did not stop: %s",
    async (_, rule) => {
      const window = windowOf(rule);
      const end = study.scheduler.timesteps.length;
      const whole = await run.advance(run.start(), end, { window });
      const full = await run.advance(run.start(), end);
      expect(whole.sample).not.toEqual(full.sample);
      // before the window, in it, at its end, behind it
      for (const at of [1, 3, 5, 6, end - 1]) {
        const point = await run.advance(run.start(), at, {
          window,
          keep: true,
        });
        const other = await study.begin(draw);
        const restarted = await other.advance(moved(point), end, { window });
        other.dispose();
        expect(restarted.sample).toEqual(whole.sample);
      }
    },
  );

  test("StudyRun.advance() reaches a window from the whole model's point with the bytes of a run of its own", async () => {
    for (const [, rule] of actions) {
      const window = windowOf(rule);
      const end = study.scheduler.timesteps.length;
      const whole = await run.advance(run.start(), end, { window });
      const point = await run.advance(run.start(), window.firstStep);
      const joined = await run.advance(moved(point), end, { window });
      expect(joined.sample).toEqual(whole.sample);
    }
  });
});

// `phaseskip plan`: from a sweep to a plan file, by predicting, running, and choosing on pictures not seen before.

import type {
  PlanArguments,
  WrittenPlan,
  PlanSession,
} from "../planning/plan-session.js";
import {
  defaultPlanPrompts,
  formatBudget,
  layOutSplits,
  searchPlans,
  type Draw,
  type FoundPlan,
  type PlannerResult,
  type Splits,
} from "@phaseskip/ablation";
import type { Plan } from "@phaseskip/runtime";
import {
  PlanStudy,
  Study,
  type PlanStudyOptions,
} from "@phaseskip/runtime/internals";
import { writeJson, writeNotes, type CommandIo } from "../command-io.js";
import { hubRequest } from "../files/hub-options.js";
import { writeOutput } from "../files/file.js";
import {
  describeAgainst,
  runAgainst,
  type AgainstTable,
} from "../planning/plan-against.js";
import {
  attribute,
  calibrate,
  plainPlan,
  planName,
} from "../planning/plan-calibration.js";
import { PlanForecasts } from "../planning/plan-forecasts.js";
import { PlanJournal } from "../planning/plan-journal.js";
import { digestOf, StudyRunner } from "../planning/plan-runner.js";
import { describePlans } from "../planning/plan-summary.js";
import { drawTestOf } from "../planning/plan-test.js";
import { gridOf, readSweeps, type PlanSweep } from "../planning/plan-sweep.js";
import { pictureProgress } from "../planning/plan-progress.js";
import { progress, type Progress } from "../terminal/progress.js";
import { readPrompts } from "../files/prompt-file.js";
import { mkdirOf } from "../sweep/sweep-folder.js";
import { unetInputs } from "../terminal/unet-input-options.js";
import { dirname } from "node:path";

/** Runs `phaseskip plan MODEL`. */
export async function plan(
  model: string,
  options: PlanArguments,
  io: CommandIo,
): Promise<void> {
  const sweep = await readSweeps(options.from);
  const inputs = unetInputs(options);
  const opened: PlanStudyOptions = {
    device: options.backend,
    ...(inputs && { inputs }),
    hub: hubRequest(options),
    ...(io.signal && { signal: io.signal }),
  };
  const study = await PlanStudy.open(model, opened);
  const shown = progress(io.stderr);
  let fitted: Study | undefined;
  let session: PlanSession | undefined;
  try {
    if (options.fit > 0)
      fitted = await Study.open(model, { ...opened, ...sweep.sampler });
    session = await begin(
      study,
      fitted,
      (spacing) => PlanStudy.open(model, { ...opened, spacing }),
      options,
      sweep,
      shown,
    );
    writeNotes(io, session.splits.notes);
    const written: WrittenPlan[] = [];
    const against: AgainstTable[] = [];
    for (const guidance of policies(session)) {
      const result = await search(session, guidance);
      const own: WrittenPlan[] = [];
      for (const found of result.found)
        own.push(await test(session, found, result, guidance));
      written.push(...own);
      if (options.against)
        against.push(await runAgainst(session, own, result, guidance));
    }
    shown.clear();
    const plans = written.map(({ path, guidance, calibration }) => ({
      path,
      guidance,
      calibration,
    }));
    if (options.json)
      writeJson(io, { plans, ...(options.against && { against }) });
    else {
      const tables = against.map((table) => describeAgainst(table, io.stdout));
      io.stdout.write(describePlans(written, io.stdout) + tables.join(""));
    }
  } finally {
    shown.clear();
    await session?.runner.close();
    await session?.journal.close();
    await fitted?.dispose();
    await study.dispose();
  }
}

async function begin(
  study: PlanStudy,
  fitted: Study | undefined,
  openSpaced: (spacing: string) => Promise<PlanStudy>,
  options: PlanArguments,
  sweep: PlanSweep,
  shown: Progress,
): Promise<PlanSession> {
  const grid = await gridOf(study, options.from.join(" and "), sweep);
  const prompts = study.hasPrompt
    ? options.prompts === undefined
      ? defaultPlanPrompts()
      : await readPrompts(options.prompts, "plan with")
    : null;
  if (!study.hasPrompt && options.prompts !== undefined) {
    throw new TypeError(
      "Cannot plan with prompts as this model is unconditional: leave --prompts out; --search, --validation and --test say how many pictures",
    );
  }
  const { search, validation, test, seed } = options;
  const splits = layOutSplits({
    prompts,
    sweepPrompts: sweep.prompts,
    sizes: { search, validation, test },
    seed,
  });
  await mkdirOf(dirname(options.out));
  const journal = await PlanJournal.open(
    `${options.out}.search.jsonl`,
    searchIdentity(options, sweep, splits),
  );
  const pictures = pictureProgress(shown, {
    evaluations: options.evaluations,
    perTest: test.prompts * test.seeds,
  });
  const forecasts =
    fitted &&
    (await PlanForecasts.open(
      fitted,
      fitDraws(splits, options.fit),
      (done, total) => shown.show("runs to fit on", done, total),
    ));
  const runner = new StudyRunner({
    study,
    ...(forecasts && { forecasts }),
    openSpaced,
    sampler: sweep.sampler,
    journal,
    converged: options.converged,
    onPicture: pictures.picture,
    onFull: pictures.full,
  });
  runner.setSplit("search", splits.search);
  runner.setSplit("validation", splits.validation);
  await runner.checkConverged();
  const model = await study.digest();
  return {
    ...{ options, sweep, grid, study, splits },
    ...{ forecasts, runner, journal, pictures, model },
  };
}

/** What forecasts are fitted on: prompts of the search, from noise that the search does not start from. */
function fitDraws({ search }: Splits, runs: number): Draw[] {
  return Array.from({ length: runs }, (_, i) => {
    const group = search[i % search.length]!;
    const seed = group.at(-1)!.seed + 1 + Math.floor(i / search.length);
    return { ...group[0]!, seed };
  });
}

/** What decides the numbers of a search; minutes are a cap, and decide none. */
function searchIdentity(
  options: PlanArguments,
  { identity, cells }: PlanSweep,
  { search, validation }: Splits,
): object {
  const { budget, guidance, stepsFree = false } = options;
  const { evaluations, seed, fit } = options;
  return {
    model: identity.model,
    onnxRuntime: identity.onnxRuntime,
    cells: digestOf(cells),
    draws: digestOf({ search, validation }),
    budget: formatBudget(budget),
    ...{ guidance, stepsFree, evaluations, seed },
    ...(fit > 0 && { fit }),
    backend: options.backend,
  };
}

/** Against rivals a plan with free guidance stands beside one with guidance as it is: the two must not be mixed up. */
function policies({ options, sweep }: PlanSession) {
  const { against, guidance } = options;
  // without guidance there is none to change
  const isFree = guidance === "free" && sweep.sampler.guidanceScale > 1;
  if (!isFree) return ["fixed"] as const;
  return against ? (["fixed", "free"] as const) : (["free"] as const);
}

async function search(
  session: PlanSession,
  guidance: "fixed" | "free",
): Promise<PlannerResult> {
  const { options, sweep, grid, runner, journal, forecasts } = session;
  const end =
    options.minutes === undefined
      ? Infinity
      : performance.now() + options.minutes * 60_000;
  const result = await searchPlans({
    cells: sweep.cells,
    ...(forecasts && { stretch: forecasts.stretch(sweep.responses) }),
    grid,
    runner,
    budget: options.budget,
    evaluations: options.evaluations - options.fit,
    isGuidanceFree: guidance === "free",
    areStepsFree: options.stepsFree === true,
    seed: options.seed,
    onVerified: (verified) => journal.keepVerified(verified),
    isOver: () => performance.now() > end,
  });
  return { ...result, evaluations: result.evaluations + options.fit };
}

/** Which pairs were counted apart. */
function fragileNotes(
  splits: Splits,
  fragile: PlannerResult["fragile"],
): string[] {
  return (["search", "validation"] as const).flatMap((split) => {
    const draws = fragile[split].map(
      ({ prompt, seed }) => splits[split][prompt]![seed]!,
    );
    if (draws.length === 0) return [];
    const named = draws.map(({ prompt, seed }) =>
      prompt === undefined ? `seed ${seed}` : `"${prompt}", seed ${seed}`,
    );
    const count = splits[split].flat().length;
    return [
      `${draws.length} of ${count} ${split} pairs become other pictures even where one block is kept for one step, and are counted apart: ${named.join("; ")}`,
    ];
  });
}

/** A plan as text; tables of coefficients take a line each. */
function planText(plan: Plan): string {
  const isTable = (value: unknown) =>
    Array.isArray(value) &&
    value.length > 3 &&
    value.every((one) => typeof one === "number" || Array.isArray(one));
  const tables: string[] = [];
  const text = JSON.stringify(
    plan,
    (_, value: unknown) =>
      isTable(value)
        ? `table ${tables.push(JSON.stringify(value)) - 1}`
        : value,
    2,
  );
  return text.replace(/"table (\d+)"/g, (_, i: string) => tables[Number(i)]!);
}

/** Tests a plan, once, and writes it. */
async function test(
  session: PlanSession,
  found: FoundPlan,
  { evaluations, fragile }: PlannerResult,
  guidance: "fixed" | "free",
): Promise<WrittenPlan> {
  const { options, sweep, grid, splits, runner, model } = session;
  const { model: unet, ...searched } = plainPlan(found, grid, model);
  const runnable = runner.resolved(searched);
  const attribution = await attribute(found, grid, runner);
  drawTestOf(session, runnable);
  const tested = await runner.measure({ name: "plan", plan: runnable }, "test");
  const calibration = calibrate(found, tested, {
    model,
    sampler: sweep.sampler,
    evaluations,
    salt: options.salt,
    attribution,
    notes: [...splits.notes, ...fragileNotes(splits, fragile)],
    hasPrompts: splits.testPool !== null,
  });
  const written: Plan = {
    ...runnable,
    ...(unet && { model: unet }),
    calibration,
  };
  const endings = [
    ...(options.budget.kind === "front" ? [planName(found.goal)] : []),
    ...(policies(session).length === 1 || guidance === options.guidance
      ? []
      : [`guidance-${guidance}`]),
  ].map((ending) => `-${ending}`);
  const path = options.out.replace(/\.json$/i, `${endings.join("")}.json`);
  const text = `${planText(written)}\n`;
  await writeOutput("the plan", path, new TextEncoder().encode(text));
  return { path, found, plan: runnable, calibration, guidance };
}

// The subcommands that measure which part of a model matters when.

import { actionNames, defaultUnits } from "@phaseskip/ablation";
import { Option, type Command } from "commander";
import { ablate, type AblateArguments } from "./commands/ablate.js";
import type { CommandIo } from "./command-io.js";
import { fit, type FitArguments } from "./commands/fit.js";
import { merge, type MergeArguments } from "./commands/merge.js";
import {
  integerFrom,
  numberFrom,
  pathEnding,
  readBudget,
  readShard,
  readSplit,
  readWindows,
} from "./terminal/option-values.js";
import {
  backendOption,
  revisionOption,
  guidanceOption,
  schedulerOption,
  schedulerOptionsOption,
} from "./terminal/run-options.js";
import { constantOption, inputOption } from "./terminal/unet-input-options.js";
import { plan } from "./commands/plan.js";
import type { PlanArguments } from "./planning/plan-session.js";
import { report, type ReportArguments } from "./commands/report.js";

/** Adds them to the command. */
export function addSweepCommands(root: Command, io: CommandIo): void {
  root
    .command("ablate")
    .summary("which part of a model matters when")
    .description(
      "Takes parts of a model away at some steps and measures the final picture. Run again, it goes on where it stopped.",
    )
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .requiredOption("--out <DIR>", "the sweep's folder")
    .addOption(
      new Option("--units <PATTERN...>", "unit patterns, as in plans").default(
        [...defaultUnits],
        "blocks, their modules, all skips",
      ),
    )
    .option(
      "--bins <N>",
      "parts of the run, of as many steps each; the last\nstep is one of its own",
      integerFrom(1),
      10,
    )
    .addOption(
      new Option(
        "--windows <KINDS>",
        "single,prefix,suffix: one bin, all up to it, all from\nit on",
      )
        .argParser(readWindows)
        .default(["single"], "single"),
    )
    .addOption(
      new Option(
        "--action <NAME...>",
        `what is done: ${actionNames.join(", ")}`,
      ).default(["removal"], "removal"),
    )
    .option("--prompts <FILE>", "texts, one a line (default: four of our own)")
    .option("--seeds <N>", "pictures of each prompt", integerFrom(1), 4)
    .option("--seed <S>", "the first seed", integerFrom(0), 0)
    .addOption(
      new Option(
        "--shard <I/N>",
        "measure one part of N, with I from 0; merge joins them",
      )
        .argParser(readShard)
        .default({ index: 0, count: 1 }, "all of it"),
    )
    .option("--steps <N>", "sampling steps", integerFrom(1), 50)
    .addOption(schedulerOption())
    .addOption(schedulerOptionsOption())
    .addOption(guidanceOption())
    .option(
      "--directions <N>",
      "random directions of the sampler's response in each\nwindow, each of another norm",
      integerFrom(2),
      4,
    )
    .option(
      "--converged <N>",
      "compare with the path of N DDIM steps, too, and run\nhalf as many beside it: 1000 is usual; 0 is none",
      integerFrom(0),
      0,
    )
    .option(
      "--pictures <N>",
      "pairs whose pictures are kept for every cell",
      integerFrom(0),
      1,
    )
    .addOption(backendOption())
    .addOption(inputOption())
    .addOption(constantOption())
    .addOption(revisionOption())
    .action((model: string, options: AblateArguments) =>
      ablate(model, options, io),
    );
  root
    .command("merge")
    .summary("the shards of a sweep as one")
    .description(
      "Joins the folders of all shards; the result is that of a single run, byte for byte.",
    )
    .argument("<DIR...>", "folders of shards")
    .requiredOption("--out <DIR>", "the whole sweep's folder")
    .option(
      "--tolerance <X>",
      "let shards of other processors pass whose full runs are\nno further apart, relative to their norm; recorded",
      numberFrom(0),
    )
    .action((folders: string[], options: MergeArguments) =>
      merge(folders, options, io),
    );
  root
    .command("report")
    .summary("a sweep as a page")
    .description(
      "Draws a sweep: one HTML page with maps, figures and pictures; its numbers as CSV and JSON and a figure as PNG beside it.",
    )
    .argument("<DIR>", "the folder of a finished sweep")
    .option(
      "--out <FILE.html>",
      "the page (default: report.html in the folder)",
      pathEnding(".html"),
    )
    .action((folder: string, options: ReportArguments) =>
      report(folder, options, io),
    );
  root
    .command("plan")
    .summary("from a sweep to a plan file")
    .description(
      "Searches what to leave out when: predicts from a sweep, verifies by running, chooses on pictures not seen before. Run again, it goes on where it stopped.",
    )
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .addOption(
      new Option(
        "--from <DIR>",
        "a finished sweep of this model; again for another one",
      )
        .argParser((folder: string, before: readonly string[] = []) => [
          ...before,
          folder,
        ])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--budget <GOAL>",
        "ssim=S: save all that leaves mean SSIM at S; macs=M: keep\nall that M of the MACs can; front: plans at several costs",
      )
        .argParser(readBudget)
        .makeOptionMandatory(),
    )
    .option("--against", "run the rivals, too, and say where the plan stands")
    .option(
      "--out <FILE.json>",
      "the plan; FILE.json.search.jsonl keeps the search",
      pathEnding(".json"),
      "plan.json",
    )
    .addOption(
      new Option(
        "--guidance <POLICY>",
        "free: it may be off or kept at some steps",
      )
        .choices(["fixed", "free"])
        .default("fixed"),
    )
    .option("--steps-free", "there may be fewer steps")
    .option("--prompts <FILE>", "texts, one a line (default: 200 of our own)")
    .addOption(splitOption("search", "plans are searched", 4, 2))
    .addOption(splitOption("validation", "one is chosen", 8, 4))
    .addOption(splitOption("test", "it is tested, once", 64, 4))
    .option(
      "--evaluations <N>",
      "pictures that the search and the choice may draw",
      integerFrom(1),
      600,
    )
    .option(
      "--fit <RUNS>",
      "fit forecasts on so many runs of the whole model, which\ncount as evaluations; whole calls of the Unet may be left\nout then; 0 keeps values as a line through the last two",
      integerFrom(0),
      0,
    )
    .option(
      "--minutes <N>",
      "stop searching then, at the latest",
      numberFrom(0),
    )
    .option("--salt <TEXT>", "decides the test's pairs, with the plan", "")
    .option("--seed <S>", "of all that is left to chance", integerFrom(0), 0)
    .option(
      "--converged <N>",
      "compare the test with the path of N DDIM steps, too;\n1000 is usual, 0 is none",
      integerFrom(0),
      0,
    )
    .addOption(backendOption())
    .addOption(revisionOption())
    .option("--json", "print one JSON object")
    .addOption(inputOption())
    .addOption(constantOption())
    .action((model: string, options: PlanArguments) =>
      plan(model, options, io),
    );
  root
    .command("fit")
    .summary("a plan's kept values, forecast")
    .description(
      "Puts fitted forecasts in place of what a plan keeps: the same computations, and coefficients by least squares on runs of the whole model. They hold for the sampler and the number of steps.",
    )
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .requiredOption(
      "--plan <FILE|NAME>",
      "a plan that reuses, extrapolates or forecasts",
    )
    .option(
      "--out <FILE.json>",
      "the fitted plan",
      pathEnding(".json"),
      "plan.json",
    )
    .addOption(
      new Option("--values <N>", "kept values that a forecast adds up")
        .argParser(integerFrom(2))
        .default(3),
    )
    .option("--runs <N>", "runs of the whole model", integerFrom(2), 8)
    .option("--prompts <FILE>", "texts, one a line (default: 200 of our own)")
    .option("--seed <S>", "the first run's seed", integerFrom(0), 0)
    .addOption(schedulerOption())
    .addOption(schedulerOptionsOption())
    .addOption(guidanceOption())
    .addOption(backendOption())
    .addOption(revisionOption())
    .option("--json", "print one JSON object")
    .addOption(inputOption())
    .addOption(constantOption())
    .action((model: string, options: FitArguments) => fit(model, options, io));
}

/** How many pictures a split has. */
function splitOption(
  name: string,
  what: string,
  prompts: number,
  seeds: number,
): Option {
  return new Option(`--${name} <PxS>`, `prompts and seeds on which ${what}`)
    .argParser(readSplit)
    .default({ prompts, seeds }, `${prompts}x${seeds}`);
}

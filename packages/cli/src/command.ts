// The command: its subcommands, their options, and how it ends.

import { Command, Option } from "commander";
import { bench, type BenchArguments } from "./commands/bench.js";
import type { CommandIo } from "./command-io.js";
import {
  conditionOptions,
  controlnetOption,
} from "./terminal/condition-options.js";
import { endingOf, exitCodes, oneLine } from "./terminal/exit-code.js";
import { firstRun } from "./commands/first-run.js";
import { generate, type GenerateArguments } from "./commands/generate.js";
import { addHelpExamples } from "./terminal/help-examples.js";
import { inspect, type InspectArguments } from "./commands/inspect.js";
import {
  integerFrom,
  listed,
  numberFrom,
  pathEnding,
} from "./terminal/option-values.js";
import {
  backendOption,
  dtypeOption,
  guidanceOption,
  revisionOption,
  schedulerOption,
  schedulerOptionsOption,
} from "./terminal/run-options.js";
import { constantOption, inputOption } from "./terminal/unet-input-options.js";
import { pack, type PackArguments } from "./commands/pack.js";
import { serve, type ServeArguments } from "./commands/serve.js";
import { addSweepCommands } from "./sweep-commands.js";

/** The release of the command; that of its package.json, as a test checks. */
export const version = "0.1.0";

/**
 * Runs the command and writes what it has to say.
 *
 * @example
 * ```ts
 * import { runCommand } from "@phaseskip/cli";
 *
 * process.exitCode = await runCommand(["inspect", "models/scenes"]);
 * ```
 * @param argv the arguments behind the command's name, such as `["generate", "models/scenes"]`
 * @param io where results and messages go, and what cancels the command
 * @default io the process's own streams
 * @returns the exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted
 */
export async function runCommand(
  argv: readonly string[],
  io: CommandIo = { stdout: process.stdout, stderr: process.stderr },
): Promise<number> {
  try {
    if (argv.length === 0 && (await firstRun(io))) return exitCodes.done;
    const root = program(io);
    if (argv.length === 0) io.stderr.write(`phaseskip: ${nothingHere}\n\n`);
    await root.parseAsync(argv, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    const { exitCode, message } = endingOf(error, io.signal);
    if (message !== undefined) io.stderr.write(`phaseskip: ${message}\n`);
    return exitCode;
  }
}

const nothingHere =
  "no picture is drawn, as there is no model folder here nor in models/; name one, as in phaseskip generate MODEL";

function program(io: CommandIo): Command {
  const root = new Command("phaseskip")
    .description("Diffusion Unets with phase-aware block skipping.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print a command's help")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
      outputError: (text, write) =>
        write(`phaseskip: ${oneLine(text.replace(/^error: /, ""))}\n`),
    });
  root
    .command("inspect")
    .summary("what a model is made of, and what a plan does to it")
    .description(
      "Lists a model's units and skips; with a plan, what runs at each step.",
    )
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .option("--plan <P>", "a plan: a file, or a name that the model ships")
    .option(
      "--depth <N>",
      "how deep units are listed, from 1: blocks",
      integerFrom(1),
      2,
    )
    .option("--no-time", "predict no time: run nothing")
    .option(
      "--changes",
      "run the whole model, and measure how much each layer\nchanges from step to step: what blockCache takes",
    )
    .option(
      "--prompt <P>",
      "with --changes: what to draw; the mean of several",
      listed,
    )
    .option(
      "--steps <N>",
      "with --changes: sampling steps (default: 50)",
      integerFrom(1),
    )
    .addOption(schedulerOption())
    .addOption(schedulerOptionsOption())
    .addOption(dtypeOption())
    .addOption(revisionOption())
    .option("--json", "one JSON object on standard output, of every unit")
    .addOption(inputOption())
    .addOption(constantOption())
    .addOption(controlnetOption())
    .action((model: string, options: InspectArguments) =>
      inspect(model, options, io),
    );
  const drawing = root
    .command("generate")
    .summary("draw pictures")
    .description("Draws pictures, with the whole model or under a plan.")
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .option(
      "--prompt <P>",
      "what to draw; needed where the model takes a text; may\nbe given several times",
      listed,
    )
    .option(
      "--negative <N>",
      "what guidance leads away from (default: nothing)",
    )
    .option(
      "--prompt-2 <P>",
      "SDXL: what the second text encoder reads (default: the\nprompt)",
      listed,
    )
    .option("--negative-2 <N>", "SDXL: what it reads instead of --negative")
    .addOption(
      new Option(
        "--prompt-style <STYLE>",
        "weighted: (word:1.2), ((word)) and [word] are weights,\nlong texts are read whole; plain: brackets are text,\nlong texts are cut off (default: plain)",
      ).choices(["weighted", "plain"]),
    )
    .option(
      "--clip-skip <N>",
      "the text encoder's last layers to leave out (default: 0)",
      integerFrom(0),
    )
    .option("--seed <S>", "picture i starts from seed S + i", integerFrom(0), 0)
    .option(
      "--count <N>",
      "pictures to draw of each prompt (default: as many as\n--init-noise holds, else 1)",
      integerFrom(1),
    )
    .option(
      "--steps <N>",
      "sampling steps (default: the plan's, else 50, or 4 for\nlatent consistency models)",
      integerFrom(1),
    )
    .addOption(schedulerOption())
    .addOption(schedulerOptionsOption())
    .option(
      "--lora <FILE[=SCALE]>",
      "merge this LoRA, a safetensors file, into the model;\nmay be given several times (default scale: 1)",
      listed,
    )
    .addOption(guidanceOption())
    .option(
      "--guidance-rescale <R>",
      "scale guidance's output back, 0 to 1 (default: 0)",
      numberFrom(0),
    )
    .option(
      "--vae-tiling",
      "take pictures through the VAE in overlapping tiles\n(default: only where they would not fit whole)",
    )
    .option("--no-vae-tiling", "always whole")
    .option(
      "--plan <P>",
      "a plan: a file, a name that the model ships, or none\n(default: what --quality says)",
    )
    .addOption(
      new Option(
        "--quality <WORD>",
        "lossless: the whole model; high, balanced, fast: the\nplans quality, balanced and fast that the model ships\n(default: lossless)",
      ).choices(["lossless", "high", "balanced", "fast"]),
    )
    .option(
      "--height <N>",
      "height in pixels (default: the image's, else the\nmodel's)",
      integerFrom(1),
    )
    .option(
      "--width <N>",
      "width in pixels (default: the image's, else the model's)",
      integerFrom(1),
    )
    .option("--image <FILE.png>", "start from this picture")
    .option(
      "--strength <S>",
      "how far to leave --image, above 0 to 1 (default: that\nof the model's class in diffusers)",
      numberFrom(0),
    )
    .option(
      "--mask <FILE.png>",
      "draw --image anew only where this picture is light",
    );
  for (const option of conditionOptions()) drawing.addOption(option);
  drawing
    .option(
      "--compare",
      "draw with the whole model too: one PNG, full above skipped",
    )
    .option(
      "--out <FILE.png>",
      "the picture (default: phaseskip.png, or no picture\nwith --save-sample); pixels are repeated until it is\nat least 256 high",
      pathEnding(".png"),
    )
    .option(
      "--init-noise <X.npy>",
      "start from this noise of unit variance instead of the\nseeds'; [batch, channel, height, width]",
    )
    .option(
      "--save-sample <Y.npy>",
      "write the final sample, before a VAE; with --compare\nthe plan's",
      pathEnding(".npy"),
    )
    .addOption(backendOption())
    .addOption(dtypeOption())
    .addOption(revisionOption())
    .option("--json", "one JSON object on standard output")
    .addOption(inputOption())
    .addOption(constantOption())
    .addOption(controlnetOption())
    .action((model: string, options: GenerateArguments) =>
      generate(model, options, io),
    );
  root
    .command("serve")
    .summary("the playground, in a browser on this machine")
    .description(
      "Serves the playground: draw with a model whole and under a plan, side by side.",
    )
    .argument(
      "[MODEL...]",
      "model folders (default: those here and in models/)",
    )
    .option("--port <N>", "0 is any that is free", integerFrom(0), 8080)
    .action((models: string[], options: ServeArguments) =>
      serve(models, options, io),
    );
  root
    .command("bench")
    .summary("what cutting the model costs against ONNX Runtime alone")
    .description(
      "Measures the executor against raw ONNX Runtime sessions, in interleaved pairs.",
    )
    .argument(
      "<MODEL>",
      "a model: path or URL of its folder, or org/name on a hub",
    )
    .option(
      "--plans <P...>",
      "plans to measure: files, or names that the model ships\n(default: all that it ships)",
    )
    .addOption(dtypeOption())
    .addOption(revisionOption())
    .option("--json", "one JSON object on standard output, with every time")
    .addOption(inputOption())
    .addOption(constantOption())
    .action((model: string, options: BenchArguments) =>
      bench(model, options, io),
    );
  root
    .command("pack")
    .summary("list a model's files for browsers to check")
    .description(
      "Writes MODEL/phaseskip.json: every file with its size and SHA-256, the plans, the licence. With it browsers verify what they load, ask for one small file to know that their cache is current, and tell how far a download is. Pack again after every change.",
    )
    .argument("<MODEL>", "path of a model folder")
    .option(
      "--licence <NAME>",
      "the model's licence, such as MIT (default: what\nmodel_index.json or README.md says)",
    )
    .option(
      "--strip",
      "first take the exporting program's file paths and\nsource lines out of the ONNX files; module paths stay",
    )
    .option("--json", "one JSON object on standard output")
    .action((model: string, options: PackArguments) =>
      pack(model, options, io),
    );
  addSweepCommands(root, io);
  addHelpExamples(root);
  return root;
}

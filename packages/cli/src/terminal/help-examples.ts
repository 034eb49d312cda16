// One example of each command, below its help.

import type { Command } from "commander";

const examples: Readonly<Record<string, string>> = {
  inspect: "inspect models/scenes --plan balanced",
  generate:
    'generate models/scenes --prompt "a boat" --plan balanced --compare',
  serve: "serve models/scenes --port 0",
  bench: "bench models/scenes --plans balanced",
  pack: "pack my-model --licence MIT",
  ablate: "ablate models/scenes --out sweep --action removal reuse-2",
  merge: "merge sweep-0 sweep-1 --out sweep",
  report: "report sweep --out report.html",
  plan: "plan models/scenes --from sweep --budget ssim=0.95",
};

/** Adds them to the command's subcommands. */
export function addHelpExamples(root: Command): void {
  for (const command of root.commands) {
    const example = examples[command.name()];
    if (example !== undefined)
      command.addHelpText("after", `\nExample:\n  phaseskip ${example}`);
  }
  root.addHelpText(
    "after",
    "\nWithout arguments, a first picture is drawn of a model that lies here.",
  );
}

// `npm create phaseskip`: asks what is missing where somebody can answer, and makes the app.

import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { isCancel, log, outro, select, text } from "@clack/prompts";
import { Command } from "commander";
import { createApp, type AppParts } from "./create-app.js";
import { templates } from "./templates.js";

const beside = (folder: string) =>
  fileURLToPath(new URL(`../dist/${folder}`, import.meta.url));

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

const parts: AppParts = {
  version, // all packages have the same
  templates: beside("templates/"),
  model: beside("models/scenes/"),
  prebuilt: dirname(
    fileURLToPath(import.meta.resolve("phaseskip/prebuilt/phaseskip.js")),
  ),
};

/** An answer; the end, as after an interrupt, where there is none. */
function answer<T>(value: T): Exclude<T, symbol> {
  if (isCancel(value)) process.exit(130);
  return value as Exclude<T, symbol>;
}

const lines = Object.entries(templates).map(
  ([name, { about }]) => `  ${name.padEnd(13)}${about}\n`,
);

const command = new Command("create-phaseskip")
  .description("An app that draws with a diffusion Unet, ready to run.")
  .argument("[FOLDER]", "where to: an empty folder, or a new one")
  .option("--template <NAME>", "what to begin with; see below")
  .addHelpText(
    "after",
    `\nTemplates:\n${lines.join("")}\nExample:\n  npm create phaseskip my-app -- --template vite-react`,
  )
  .action(async (given: string | undefined, options: { template?: string }) => {
    const canAsk = process.stdin.isTTY && process.stdout.isTTY;
    if (!canAsk && (given === undefined || options.template === undefined)) {
      command.error(
        "Cannot ask for what is missing as this is no terminal: give a folder and --template NAME (npm create phaseskip my-app -- --template vite-react)",
      );
    }
    const folder =
      given ??
      answer(await text({ message: "Where to?", initialValue: "my-app" }));
    const template =
      options.template ??
      answer(
        await select({
          message: "What do you begin with?",
          options: Object.entries(templates).map(([value, { about }]) => ({
            value,
            label: about,
          })),
        }),
      );
    const next = await createApp({ folder, template }, parts).catch(
      (error: Error) => command.error(error.message),
    );
    const said = [
      `${basename(folder)} draws with the model scenes, which lies in it.`,
      "Next:",
      ...next.map((line) => `  ${line}`),
    ];
    if (canAsk) {
      log.message(said.join("\n"));
      outro("Your own model: put its folder beside scenes, and name it there.");
    } else process.stdout.write(`${said.join("\n")}\n`);
  });

await command.parseAsync();

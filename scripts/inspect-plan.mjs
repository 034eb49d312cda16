// What `phaseskip inspect MODEL --plan P --json` says of the plan, for the figures that are drawn of it.
import { runCommand } from "@phaseskip/cli";

/**
 * Inspects a plan.
 * @param model path of a model folder
 * @param plan a name that the model ships, or a file
 */
export async function inspectPlan(model, plan) {
  let said = "";
  const stdout = { write: (text) => (said += text) };
  const command = ["inspect", model, "--plan", plan, "--no-time", "--json"];
  const code = await runCommand(command, { stdout, stderr: process.stderr });
  if (code !== 0)
    throw new Error(`phaseskip ${command.join(" ")} ended with ${code}`);
  return JSON.parse(said).plan;
}

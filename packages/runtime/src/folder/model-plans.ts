// The plans that a model ships: plans/NAME.json, listed in phaseskip.json where there is one.

import { PhaseskipError } from "@phaseskip/graph";
import type { ModelFolder } from "./folder.js";

/**
 * The names of the plans that a model ships, as its phaseskip.json lists them.
 * @returns empty where the model has no such list; it may ship plans all the same
 */
export async function listPlans(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const optional = { optional: true };
  const manifest = await folder.json("phaseskip.json", signal, optional);
  const plans =
    typeof manifest === "object" && manifest !== null && "plans" in manifest
      ? manifest.plans
      : [];
  if (Array.isArray(plans)) {
    return plans.filter((name) => typeof name === "string");
  }
  return typeof plans === "object" && plans !== null ? Object.keys(plans) : [];
}

/**
 * Reads a plan that the model ships; it is not checked here.
 * @param name name of the file without `.json`
 * @throws {PhaseskipError} `plan-invalid` If the model ships none of that name.
 */
export async function loadPlan(
  folder: ModelFolder,
  name: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const isName = /^[^/\\]+$/.test(name) && !name.startsWith(".");
  const optional = { optional: true };
  const plan = isName
    ? await folder.json(`plans/${name}.json`, signal, optional)
    : undefined;
  if (plan !== undefined) return plan;
  const names = await listPlans(folder, signal);
  throw new PhaseskipError(
    "plan-invalid",
    `Cannot use the plan "${name}" as the model at ${folder.location} ships none of that name (plans/${name}.json)${names.length > 0 ? `: it ships ${names.join(", ")}` : ""}`,
  );
}

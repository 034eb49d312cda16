// What diffusers' pipelines of Stable Diffusion 1 and 2 make of scheduler files older than themselves.

/** Classes that clip the sample unless their file says otherwise. */
const clipping = /^DD[IP]M/;

/** Classes without an offset. */
const withoutOffset = /^(EDM|Flow|CMStochastic)/;

/**
 * A scheduler's file as these pipelines read it: they were trained with `steps_offset` 1 and no clipping, and their
 * constructors put that in place of what the file or the class says. Others, those with a ControlNet too, leave it.
 *
 * @param config the file, with the class that is made of it
 * @param isInpainting whether it is the inpainting pipeline, which asks for PNDM's short start and lets clipping be
 * @returns the keys to put in place of the file's; none where it is as wanted
 * @see diffusers 0.42.1, `pipelines/stable_diffusion/pipeline_stable_diffusion.py` and `…_inpaint.py`
 */
export function outdatedKeys(
  config: Readonly<Record<string, unknown>>,
  isInpainting: boolean,
): Readonly<Record<string, unknown>> {
  const listed = config["_use_default_values"];
  const defaults = new Set<unknown>(Array.isArray(listed) ? listed : []);
  const given = (key: string) =>
    defaults.has(key) ? undefined : (config[key] ?? undefined);
  const name = String(config["_class_name"]);
  const keys: Record<string, unknown> = {};
  const offset = given("steps_offset") ?? (withoutOffset.test(name) ? 1 : 0);
  if (offset !== 1) keys["steps_offset"] = 1;
  if (isInpainting) {
    const isLong = name.startsWith("PNDM") && !given("skip_prk_steps");
    if (isLong) keys["skip_prk_steps"] = true;
  } else if (given("clip_sample") ?? clipping.test(name))
    keys["clip_sample"] = false;
  const left = [...defaults].filter((key) => !((key as string) in keys));
  return left.length < defaults.size
    ? { ...keys, _use_default_values: left }
    : keys;
}

/** One sentence on the keys that are put in place; undefined where there are none. */
export function outdatedNote(
  keys: Readonly<Record<string, unknown>>,
): string | undefined {
  const changed = Object.entries(keys).filter(([key]) => !key.startsWith("_"));
  if (changed.length === 0) return undefined;
  const list = changed.map(([key, value]) => `${key} ${String(value)}`);
  return `the scheduler's file is outdated and read as diffusers does it for Stable Diffusion: with ${list.join(" and ")}`;
}

// The form of a sweep's JSON: what each field must be, and the first that is something else.

/**
 * What a value must be: a finite number, an integer from 0 on, a string, any truth value, one of several strings, a
 * list of one form, an object of fields, or null, or absent, or one of these.
 */
export type Form =
  | "number"
  | "index"
  | "string"
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: Form }
  | { readonly orNull: Form }
  | { readonly orAbsent: Form }
  | { readonly fields: Readonly<Record<string, Form>> };

/**
 * Where a value is not of a form, such as `effects[2].ssim must be a number`; undefined where it is.
 *
 * @param at the value's name
 */
export function wrongAt(
  value: unknown,
  form: Form,
  at = "it",
): string | undefined {
  const unless = (isRight: boolean, wanted: string) =>
    isRight ? undefined : `${at} must be ${wanted}`;
  if (form === "number") return unless(Number.isFinite(value), "a number");
  if (form === "string") return unless(typeof value === "string", "a string");
  if (form === "index") {
    const isIndex = Number.isSafeInteger(value) && Number(value) >= 0;
    return unless(isIndex, "an integer from 0 on");
  }
  if ("orNull" in form)
    return value === null ? undefined : wrongAt(value, form.orNull, at);
  if ("orAbsent" in form)
    return value === undefined ? undefined : wrongAt(value, form.orAbsent, at);
  if ("oneOf" in form) {
    const { oneOf } = form;
    return unless(
      oneOf.some((name) => name === value),
      `one of ${oneOf.join(", ")}`,
    );
  }
  if ("listOf" in form) {
    if (!Array.isArray(value)) return `${at} must be a list`;
    return first(value, (item, i) => wrongAt(item, form.listOf, `${at}[${i}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `${at} must be an object`;
  const found = value as Readonly<Record<string, unknown>>;
  return first(Object.entries(form.fields), ([name, inner]) =>
    wrongAt(found[name], inner, at === "it" ? name : `${at}.${name}`),
  );
}

function first<T>(
  list: readonly T[],
  ask: (item: T, i: number) => string | undefined,
): string | undefined {
  for (const [i, item] of list.entries()) {
    const wrong = ask(item, i);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

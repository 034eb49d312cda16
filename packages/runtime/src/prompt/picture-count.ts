// How many pictures a request is for.

/** What says it. */
interface Counted {
  readonly prompts: readonly string[] | undefined;
  readonly promptEmbeds: { readonly shape: readonly number[] } | undefined;
  readonly classLabel?: number | readonly number[] | undefined;
}

/** Prompts of a request, also those that are given as embeddings or as classes; 1 where there are none. */
export function promptCount({
  prompts,
  promptEmbeds,
  classLabel,
}: Counted): number {
  const classes = typeof classLabel === "object" ? classLabel.length : 1;
  return prompts?.length ?? promptEmbeds?.shape[0] ?? classes;
}

/** Images that a request draws. */
export function imageCount(
  request: Counted & { readonly numImagesPerPrompt: number },
): number {
  return promptCount(request) * request.numImagesPerPrompt;
}

// Whether the caller's own embeddings are what the Unet takes.

import type { Unet } from "@phaseskip/graph";
import type { Embeddings, TextRequest } from "./text-options.js";

/** @throws {TypeError | RangeError} If the Unet takes no text, or embeddings of other sizes, or more of them */
export function checkEmbeddings({ shapes }: Unet, request: TextRequest): void {
  const width = shapes.get("encoder_hidden_states")?.dims.at(-1);
  const pooledWidth = shapes.get("text_embeds")?.dims.at(-1);
  for (const name of ["promptEmbeds", "negativePromptEmbeds"] as const) {
    const embeds = request[name];
    if (!embeds) continue;
    if (width === undefined) {
      throw new TypeError(
        `Cannot generate an image from ${name} as this model is unconditional; leave it out`,
      );
    }
    checkWidth(name, embeds, width);
    const pooledName =
      name === "promptEmbeds"
        ? "pooledPromptEmbeds"
        : "negativePooledPromptEmbeds";
    if (pooledWidth === undefined || request[pooledName]) continue;
    throw new TypeError(
      `Cannot generate an image from ${name} as this Unet is also told of the whole text: ${pooledName} is missing`,
    );
  }
  for (const name of [
    "pooledPromptEmbeds",
    "negativePooledPromptEmbeds",
  ] as const) {
    const embeds = request[name];
    if (!embeds) continue;
    if (pooledWidth === undefined) {
      throw new TypeError(
        `Cannot generate an image from ${name} as this Unet takes no text_embeds; leave it out`,
      );
    }
    checkWidth(name, embeds, pooledWidth);
  }
}

function checkWidth(name: string, { shape }: Embeddings, width: number): void {
  if (shape.at(-1) === width) return;
  throw new RangeError(
    `Cannot generate an image as ${name} must have the width that the Unet takes, ${width}: current width is ${shape.at(-1)}`,
  );
}

// What diffusers' pipeline classes take where a call says nothing (0.42.1: the signatures of their `__call__`).

/** What a class takes for a request. */
export interface ClassDefaults {
  /** Guidance weight; 1 is off. */
  readonly guidanceScale: number;
  /** How far an image is left, in (0, 1]. */
  readonly strength: number;
}

/**
 * The defaults of the class that would draw: its text-to-image, image-to-image or inpainting form.
 * @param pipelineClass the text-to-image class
 */
export function classDefaults(
  pipelineClass: string,
  { image, mask }: { readonly image?: unknown; readonly mask?: unknown },
): ClassDefaults {
  switch (pipelineClass) {
    case "StableDiffusionXLPipeline":
      if (mask) return { guidanceScale: 7.5, strength: 0.9999 };
      return { guidanceScale: 5, strength: image ? 0.3 : 1 };
    case "LatentConsistencyModelPipeline":
      return { guidanceScale: 8.5, strength: mask ? 1 : 0.8 };
    default:
      return { guidanceScale: 7.5, strength: mask ? 1 : 0.8 };
  }
}

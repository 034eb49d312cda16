// The networks of a pipeline, and how the paths of their files tell them apart.

/** The networks of a pipeline. */
export type PartName =
  "unet" | "text_encoder" | "text_encoder_2" | "vae_decoder" | "vae_encoder";

/** How a path names each network, the longest first: the first that is found is meant. */
const roles: readonly (readonly [PartName | undefined, RegExp])[] = [
  [undefined, /safety_?checker|controlnet|features/],
  ["text_encoder_2", /text_?encoder_?2/],
  ["text_encoder", /text_?encoder/],
  ["vae_decoder", /vae_?decoder/],
  ["vae_encoder", /vae_?encoder/],
  ["unet", /unet/],
];

/**
 * Which network an ONNX file is, by its path in the model folder.
 * @returns undefined where it is none, or its path does not say
 */
export function roleOf(path: string): PartName | undefined {
  if (!path.endsWith(".onnx")) return undefined;
  const said = path.toLowerCase().replaceAll(/[-. ]/g, "_");
  return roles.find(([, pattern]) => pattern.test(said))?.[0];
}

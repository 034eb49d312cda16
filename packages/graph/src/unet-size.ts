// At which size a Unet is looked at and run.

/** Sizes of the Unet's inputs: what a run chooses. */
export interface UnetSize {
  /** Samples per call. */
  readonly batch: number;
  /** Pixels, or latent pixels, of the sample. */
  readonly height: number;
  /** Pixels, or latent pixels, of the sample. */
  readonly width: number;
  /** Channels of the sample; for a graph that leaves them open. @default 4 */
  readonly channels?: number;
  /** Pixels of the picture in one of the sample's, along each side. @default 8 */
  readonly pixels?: number;
  /** Tokens of the text; needed where the graph leaves them open. @default 77 */
  readonly tokens?: number;
  /** Width of the text's embedding, for a graph that leaves it open. @default 768 */
  readonly textWidth?: number;
}

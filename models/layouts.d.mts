/** A model folder as another tool lays it out. */
export interface Layout {
  /** The folder here that it must draw as; missing where it is refused. */
  readonly as?: string;
  /** What a call must say that the folder does not. */
  readonly options?: { readonly height: number; readonly width: number };
  /** What it is refused with. */
  readonly refused?: RegExp;
  /** Its files by path. */
  files(): Record<string, Buffer>;
}

/** All of them, by name. */
export const layouts: Readonly<Record<string, Layout>>;

/** Writes one of them to a folder. */
export function writeLayout(name: string, folder: string): void;

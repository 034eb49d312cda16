// What is set on the page, and its form in the address: a link draws the same pictures.

/** What both pictures are drawn from, and the plan of the second. What is "" is left to the model. */
export interface Settings {
  /** An address or a name. */
  readonly model: string;
  readonly prompt: string;
  readonly negative: string;
  readonly seed: number;
  readonly steps: number;
  readonly scheduler: string;
  readonly guidance: string;
  readonly device: string;
  readonly dtype: string;
  /** Pixels. */
  readonly height: string;
  /** Pixels. */
  readonly width: string;
  readonly strength: string;
  readonly imageGuidance: string;
  readonly noiseLevel: string;
  readonly classLabel: string;
  readonly controlScale: string;
  /** Pictures that were drawn from, in words, such as `image, mask`: a link cannot hold them. */
  readonly lacks: string;
  /** The plan as it stands in the editor. */
  readonly plan: string;
}

/** The names in an address: links are told to others and typed, so they are short, and never change. */
const short = {
  model: "m",
  prompt: "p",
  negative: "x",
  seed: "s",
  steps: "n",
  scheduler: "c",
  guidance: "g",
  device: "d",
  dtype: "t",
  height: "h",
  width: "w",
  strength: "a",
  imageGuidance: "i",
  noiseLevel: "l",
  classLabel: "k",
  controlScale: "r",
  lacks: "lacks",
  plan: "plan",
} as const satisfies Record<keyof Settings, string>;

/** The part of an address behind `#`. */
export function toHash(settings: Settings): string {
  const parameters = new URLSearchParams();
  for (const [name, key] of Object.entries(short)) {
    const value = settings[name as keyof Settings];
    if (value !== "") parameters.set(key, String(value));
  }
  return parameters.toString();
}

/** What an address says; the rest is left to the page. */
export function fromHash(hash: string): Partial<Settings> {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const found: Record<string, string | number> = {};
  for (const [name, key] of Object.entries(short)) {
    const value = parameters.get(key);
    if (value === null) continue;
    const isNumber = name === "seed" || name === "steps";
    if (!isNumber) found[name] = value;
    else if (Number.isSafeInteger(Number(value))) found[name] = Number(value);
  }
  return found;
}

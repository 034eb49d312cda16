// What is set on the page, and its form in the address: a link draws the same pictures.

/** What both pictures are drawn from, and the plan of the second. */
export interface Settings {
  readonly model: string;
  readonly prompt: string;
  readonly seed: number;
  readonly steps: number;
  /** "" is the model's own. */
  readonly scheduler: string;
  /** Empty is the model's own. */
  readonly guidance: string;
  readonly device: string;
  /** The plan as it stands in the editor. */
  readonly plan: string;
}

const short = {
  model: "m",
  prompt: "p",
  seed: "s",
  steps: "n",
  scheduler: "c",
  guidance: "g",
  device: "d",
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

// Runs in the playground's page, in any engine: draws, paints a mask, draws lines to follow, and plays what was drawn. What it
// saw is left in `result`; there is no other way into the page that all three drivers share.

/** What was seen. */
export interface Driven {
  /** How many pixels of the mask's pad changed by painting on it. */
  readonly painted: number;
  /** The picture with a mask, and with another one. */
  readonly masked: readonly [string, string];
  /** The picture with lines, and with none. */
  readonly followed: readonly [string, string];
  /** Steps that were shown while it played. */
  readonly played: readonly string[];
  /** The column of the strip that is marked at the end. */
  readonly marked: number;
  /** What the address says of pictures. */
  readonly lacks: string | null;
}

const get = <T extends HTMLElement>(selector: string) =>
  document.querySelector<T>(selector)!;

const press = (name: string) =>
  [...document.querySelectorAll("button")]
    .find((one) => one.offsetParent && (one.textContent ?? "").trim() === name)!
    .click();

/** Waits until something holds. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end)
      throw new Error(`${what}: ${get("#status").textContent}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const says = (id: string, text: string) => () =>
  get(id).textContent.startsWith(text);

async function choose(model: string): Promise<void> {
  const select = get<HTMLSelectElement>("[name=model]");
  select.value = `models/${model}/`;
  select.dispatchEvent(new Event("change"));
  await until(`${model} loads`, says("#status", "The model is loaded"));
}

async function draw(): Promise<string> {
  get("#status").textContent = ""; // two small pictures may be drawn between two looks
  press("Draw both");
  await until("it draws", says("#status", "Drawn by"));
  const cancel = get("#cancel");
  await until("it ends", () => cancel.ariaDisabled === "true");
  return get<HTMLCanvasElement>("#full").toDataURL();
}

/** Moves a pen over a pad, from place to place in parts of its sides. */
function paint(
  pad: HTMLCanvasElement,
  ...places: readonly (readonly [number, number])[]
): number {
  const pixels = () =>
    pad.getContext("2d")!.getImageData(0, 0, pad.width, pad.height).data;
  const before = pixels();
  const { left, top, width, height } = pad.getBoundingClientRect();
  const tell = (type: string, [x, y]: readonly [number, number]) => {
    const [clientX, clientY] = [left + x * width, top + y * height];
    const buttons = type === "pointerup" ? 0 : 1;
    const options = { clientX, clientY, buttons, pointerId: 1, bubbles: true };
    pad.dispatchEvent(new PointerEvent(type, options));
  };
  tell("pointerdown", places[0]!);
  for (const place of places) tell("pointermove", place);
  tell("pointerup", places.at(-1)!);
  return pixels().filter((level, i) => level !== before[i]).length;
}

async function play(): Promise<string[]> {
  const scrub = get<HTMLInputElement>("#scrub");
  const seen: string[] = [];
  scrub.value = "0";
  scrub.dispatchEvent(new Event("input"));
  press("Play");
  await until("it plays", () => {
    const { textContent } = get("#then");
    if (textContent !== seen.at(-1)) seen.push(textContent);
    return says("#play", "Play")();
  });
  return seen;
}

async function drive(): Promise<Driven> {
  await until("the page", says("#plan-status", "The plan is well formed."));
  get<HTMLInputElement>("[name=steps]").value = "3";
  get<HTMLInputElement>("[name=prompt]").value = "boat";
  await draw();
  await choose("inpaint");
  press("Last picture");
  const pad = get<HTMLCanvasElement>("#image canvas");
  const painted = paint(pad, [0.3, 0.3], [0.7, 0.4]);
  const first = await draw();
  const { hash } = location;
  paint(pad, [0.1, 0.9], [0.9, 0.9]);
  const masked = [first, await draw()] as const;
  await choose("control");
  const lines = get<HTMLCanvasElement>("#controls-drawn canvas");
  paint(lines, [0.1, 0.1], [0.9, 0.1], [0.9, 0.9]);
  const followed = await draw();
  press("Clear");
  const free = await draw();
  const played = await play();
  const cells = [...get(".cells").children];
  return {
    ...{ painted, masked, followed: [followed, free], played },
    marked: cells.findIndex(({ classList }) => classList.contains("at")),
    lacks: new URLSearchParams(hash.slice(1)).get("lacks"),
  };
}

drive().then(
  (result) => Object.assign(globalThis, { result }),
  (error: unknown) =>
    Object.assign(globalThis, { result: { failed: String(error) } }),
);

// The hooks in React itself, with a real worker and a real model.
import {
  createElement,
  StrictMode,
  Suspense,
  use,
  type ReactElement,
} from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  useGenerate,
  usePipeline,
  type Drawing,
  type PipelineState,
} from "../src/index.js";

const MODEL = "/models/tiny-text-ts/";
const request = { prompt: "a red boat", seed: 7, numInferenceSteps: 4 };

let root: Root;
/** How many workers a test made, and how many of them have ended. */
let count = { made: 0, ended: 0 };

function worker(): Worker {
  const counted = count;
  counted.made++;
  const one = new Worker(
    new URL("../../runtime/test/wire/pipeline-worker.ts", import.meta.url),
    { type: "module" },
  );
  const terminate = one.terminate.bind(one);
  one.terminate = () => {
    counted.ended++;
    terminate();
  };
  return one;
}

beforeEach(() => {
  count = { made: 0, ended: 0 };
  root = createRoot(document.body.appendChild(document.createElement("div")));
});
afterEach(() => {
  root.unmount();
  document.body.replaceChildren();
});

/** Waits until it holds; a machine may be busy. */
const soon = (holds: () => void) => vi.waitFor(holds, { timeout: 120_000 });

/** What a component saw last, and every state before. */
class Seen {
  readonly pipelines: PipelineState[] = [];
  readonly drawings: Drawing[] = [];
  get drawing(): Drawing {
    return this.drawings.at(-1)!;
  }
  get pipeline(): PipelineState {
    return this.pipelines.at(-1)!;
  }
  async ready(): Promise<void> {
    await soon(() => expect(this.pipeline.status).toBe("ready"));
  }
}

function Picture({ seen, model = MODEL }: { seen: Seen; model?: string }) {
  const state = usePipeline(model, { worker: () => worker(), device: "wasm" });
  seen.pipelines.push(state);
  seen.drawings.push(useGenerate(state.pipeline));
  return null;
}

const picture = (seen: Seen, model?: string) =>
  createElement(Picture, { seen, ...(model !== undefined && { model }) });
const strictly = (...children: ReactElement[]) =>
  createElement(StrictMode, null, ...children);

test("strict mode loads once, tells how far it is, and draws", async () => {
  const seen = new Seen();
  root.render(strictly(picture(seen)));
  await seen.ready();
  expect(count.made).toBe(1);
  const loads = seen.pipelines.filter((state) => state.status === "loading");
  expect(loads[0]).toEqual({ status: "loading", loaded: 0, total: 0 });
  expect(loads.some(({ loaded, total }) => loaded > 0 && loaded <= total)).toBe(
    true,
  );
  const drawn = await seen.drawing.draw({ ...request, preview: 2 });
  expect(drawn?.images).toHaveLength(1);
  await soon(() => expect(seen.drawing.status).toBe("done"));
  expect(seen.drawing).toMatchObject({ images: drawn!.images });
  const running = seen.drawings.filter((state) => state.status === "running");
  expect(running.some(({ step }) => step?.stepIndex === 3)).toBe(true);
  expect(running.some(({ preview }) => preview?.length === 1)).toBe(true);
  root.unmount();
  await soon(() => expect(count.ended).toBe(1));
});

test("a component that leaves while its model is on its way ends the worker", async () => {
  const seen = new Seen();
  root.render(strictly(picture(seen)));
  await soon(() => expect(count.made).toBe(1));
  root.render(strictly());
  await soon(() => expect(count.ended).toBe(1));
  expect(seen.pipeline.status).toBe("loading");
});

test("a component that leaves in the middle of a call cancels it, and leaves the model to the others", async () => {
  const [leaving, staying] = [new Seen(), new Seen()];
  const one = createElement(Picture, { seen: staying, key: "staying" });
  const two = createElement(Picture, { seen: leaving, key: "leaving" });
  root.render(strictly(one, two));
  await Promise.all([leaving.ready(), staying.ready()]);
  expect(count.made).toBe(1);
  const calling = leaving.drawing.draw({ ...request, numInferenceSteps: 500 });
  await soon(() =>
    expect(
      leaving.drawings.some(
        (state) => state.status === "running" && state.step !== undefined,
      ),
    ).toBe(true),
  );
  root.render(strictly(one));
  expect(await calling).toBeUndefined();
  expect((await staying.drawing.draw(request))?.images).toHaveLength(1);
  expect(count).toEqual({ made: 1, ended: 0 });
});

test("the later call counts; cancel() ends it; what is wrong is told", async () => {
  const seen = new Seen();
  root.render(picture(seen));
  await soon(() => expect(seen.drawings).not.toEqual([]));
  expect(await seen.drawing.draw(request)).toBeUndefined();
  await seen.ready();
  const long = { ...request, numInferenceSteps: 500 };
  const first = seen.drawing.draw(long);
  const second = seen.drawing.draw(request);
  expect(await first).toBeUndefined();
  expect((await second)?.images).toHaveLength(1);
  await soon(() => expect(seen.drawing.status).toBe("done"));
  const third = seen.drawing.draw(long);
  seen.drawing.cancel();
  expect(await third).toBeUndefined();
  await soon(() => expect(seen.drawing.status).toBe("cancelled"));
  await seen.drawing.draw({ ...request, numInferenceSteps: 0 });
  await soon(() =>
    expect(seen.drawing).toMatchObject({
      status: "failed",
      error: expect.any(RangeError) as unknown,
    }),
  );
  const own = new AbortController();
  const fourth = seen.drawing.draw({ ...long, signal: own.signal });
  own.abort();
  expect(await fourth).toBeUndefined();
});

test("what suspends beside it, first or later, neither loads twice nor ends the model", async () => {
  const seen = new Seen();
  let resume!: (value: string) => void;
  const waiting = () => new Promise<string>((resolve) => (resume = resolve));
  const Slow = ({ promise }: { promise: Promise<string> }) => use(promise);
  const page = (promise: Promise<string>) =>
    strictly(
      createElement(
        Suspense,
        { fallback: "waiting" },
        picture(seen),
        createElement(Slow, { promise }),
      ),
    );
  root.render(page(waiting()));
  await soon(() => expect(document.body.textContent).toBe("waiting"));
  expect(count.made).toBe(0);
  resume("here");
  await seen.ready();
  const { pipeline } = seen.pipeline;
  root.render(page(waiting()));
  await soon(() => expect(document.body.textContent).toContain("waiting"));
  expect((await pipeline!.generate(request)).images).toHaveLength(1);
  resume("again");
  await soon(() => expect(document.body.textContent).toBe("again"));
  expect(seen.pipeline.pipeline).toBe(pipeline);
  expect(count).toEqual({ made: 1, ended: 0 });
});

test("another model takes the place of the first, whose worker ends", async () => {
  const seen = new Seen();
  root.render(strictly(picture(seen)));
  await seen.ready();
  const before = seen.pipelines.length;
  root.render(strictly(picture(seen, "/models/tiny-ddpm-ts/")));
  await soon(() => expect(count.ended).toBe(1));
  expect(seen.pipelines[before]).toMatchObject({ status: "loading" });
  await seen.ready();
  expect(count.made).toBe(2);
  root.render(strictly(picture(seen, "/models/none/")));
  await soon(() => expect(seen.pipeline).toMatchObject({ status: "failed" }));
});

// Models on the test server, each under an address of its own with faults of its own; and how they are loaded.
import {
  deleteModel,
  loadPipeline,
  type Generated,
  type LoadOptions,
  type Pipeline,
  type FolderProgress,
} from "phaseskip";
import type { Faults, ModelOrder } from "./conformance-server.js";
import { check } from "./case.js";
import {
  pictureTolerance,
  requests,
  type GoldenPicture,
  type RequestName,
} from "./requests.js";

/** A model on the test server. */
export interface TestModel {
  /** Its address, relative to the page. */
  readonly location: string;
  /** Gives files other faults than they have; `all` means every file. */
  fault(faults: Readonly<Record<string, Faults>>): Promise<void>;
  /** What was asked for so far: `METHOD PATH RANGE`. */
  requests(): Promise<readonly string[]>;
}

/** Puts a copy of a model on the server, under an address that no page has seen. */
export async function serveTestModel(
  name: string,
  order: Partial<ModelOrder> = {},
): Promise<TestModel> {
  const id = `${name}-${Date.now()}-${Math.random()}`; // outside a secure context there is no randomUUID
  const post = async (body: ModelOrder) => {
    const response = await fetch(`control/${id}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    check(response.ok, `the test server answers ${response.status}`);
  };
  await post({ model: name, ...order });
  return {
    location: `models/${id}/`,
    fault: (faults) => post({ faults }),
    requests: async () =>
      (await fetch(`control/${id}`)).json() as Promise<string[]>,
  };
}

/** A module worker of the prebuilt folder, or one of this page's own beside it. */
export const makeWorker = (script = "phaseskip/phaseskip.worker.js"): Worker =>
  new Worker(new URL(script, document.baseURI), { type: "module" });

const open = new Set<Pipeline>();

/** Loads a model on WASM in a worker of its own; it is disposed at the end of the case. */
export async function load(
  model: TestModel,
  options: Partial<LoadOptions> = {},
): Promise<Pipeline> {
  const pipeline = await loadPipeline(model.location, {
    worker: () => makeWorker(),
    device: "wasm",
    ...options,
  });
  open.add(pipeline);
  return pipeline;
}

/** Disposes of what the case has loaded, and frees its storage. */
export async function cleanUp(): Promise<void> {
  for (const pipeline of open) pipeline.dispose();
  open.clear();
  for (const { location } of await listed()) await deleteModel(location);
}

async function listed(): Promise<readonly { readonly location: string }[]> {
  const { listModels } = await import("phaseskip");
  return listModels().catch(() => []);
}

/** Loads the model of a request and draws what it asks for. */
export async function draw(
  name: RequestName,
  options: Partial<LoadOptions> = {},
): Promise<Generated & { readonly pipeline: Pipeline }> {
  const { model, options: request } = requests[name];
  const pipeline = await load(await serveTestModel(model), options);
  return { ...(await pipeline.generate(request)), pipeline };
}

/**
 * Compares a picture with Node's, level by level.
 * @returns the largest difference in words
 * @throws If it is larger than the tolerance
 */
export async function checkGolden(
  name: RequestName,
  drawn: { readonly images: Generated["images"] },
  tolerance = pictureTolerance,
): Promise<string> {
  const response = await fetch(`golden/${name}.json`);
  check(response.ok, `the test server has no picture ${name}`);
  const golden = (await response.json()) as GoldenPicture;
  const [image] = drawn.images;
  check(
    image?.width === golden.width && image.height === golden.height,
    `the picture is ${image?.width} × ${image?.height}, Node's ${golden.width} × ${golden.height}`,
  );
  const bytes = Uint8Array.from(atob(golden.data), (c) => c.charCodeAt(0));
  const worst = largestDifference(image.data, bytes);
  check(
    worst <= tolerance,
    `the picture differs from Node's by up to ${worst} levels, more than ${tolerance}`,
  );
  check(new Set(bytes).size > 8, "Node's picture is a flat colour");
  return `differs from Node's by at most ${worst} of 255`;
}

/** The largest difference of two arrays of levels; infinite where their lengths differ. */
export function largestDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i += 1)
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

/** Collects what a load reports. */
export function progressLog(): {
  readonly events: FolderProgress[];
  readonly onProgress: (event: FolderProgress) => void;
  paths(kind: FolderProgress["kind"]): string[];
} {
  const events: FolderProgress[] = [];
  return {
    events,
    onProgress: (event) => events.push(event),
    paths: (kind) => [
      ...new Set(
        events
          .filter((event) => event.kind === kind)
          .map((event) => ("path" in event ? String(event.path) : "")),
      ),
    ],
  };
}

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  serveHub,
  type HubModel,
  type HubServer,
} from "../../../../e2e/hub-server.js";
import type { FolderProgress } from "../../src/download/load-progress.js";
import type { ModelFolder } from "../../src/folder/folder.js";
import {
  openFolder,
  type OpenFolderOptions,
} from "../../src/folder/model-folder.js";
import { bytesOf } from "../served-model.js";

const NAME = "someone/small-model";
const WEIGHTS = "unet/model.onnx";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

let hub: HubServer;
let model: HubModel;
const folders: ModelFolder[] = [];
const progress: FolderProgress[] = [];

beforeEach(async () => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  hub = await serveHub();
  model = {
    files: {
      ".gitattributes": "*.onnx filter=lfs\n",
      "README.md": "# A model",
      "model_index.json": '{"_class_name":"DDPMPipeline"}',
      "scheduler/scheduler_config.json": "{}",
      "text_encoder/model.onnx": bytesOf(700),
      "unet/config.json": '{"in_channels":3}',
      [WEIGHTS]: bytesOf(4500),
      "unet/diffusion_pytorch_model.safetensors": bytesOf(9000),
      "vae_encoder/model.onnx": bytesOf(300),
      "safety_checker/model.onnx": bytesOf(800),
    },
    large: [WEIGHTS, "unet/diffusion_pytorch_model.safetensors"],
    faults: {},
  };
  hub.models.set(NAME, model);
  progress.length = 0;
});

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => folder.close()));
  vi.unstubAllGlobals();
  await hub.close();
});

async function open({
  hub: asked,
  ...options
}: OpenFolderOptions = {}): Promise<ModelFolder> {
  const folder = await openFolder(NAME, {
    chunkBytes: 1000,
    retryMs: 1,
    onProgress: (event) => progress.push(event),
    hub: { hub: hub.origin, ...asked },
    ...options,
  });
  folders.push(folder);
  return folder;
}

async function readAll(folder: ModelFolder, path = WEIGHTS) {
  const file = await folder.file(path);
  return file && Buffer.from(await file.read(0, file.size));
}

/** Opens what a load opens. */
async function load(folder: ModelFolder): Promise<void> {
  for (const path of Object.keys(model.files))
    if (/^(model_index|scheduler|text_encoder|unet\/(config|model))/.test(path))
      await folder.file(path);
  await folder.complete();
}

const filesAsked = () => hub.requests.filter((line) => !line.includes("/api/"));

test("nothing is asked before a file is", async () => {
  await open();
  expect(hub.requests).toEqual([]);
});

test("the list is read once, all its pages, and tells what there is", async () => {
  const folder = await open();
  expect(await folder.paths()).toEqual(Object.keys(model.files));
  expect(await folder.file("text_encoder_2/model.onnx")).toBeUndefined();
  expect(await readAll(folder)).toEqual(model.files[WEIGHTS]);
  expect(
    hub.requests.filter((line) => line.includes("/tree/main")),
  ).toHaveLength(4);
  expect(filesAsked()).toEqual([
    `GET /${NAME}/resolve/main/${WEIGHTS}`,
    matching(/^storage GET \//),
  ]);
});

test("the whole is known before the first byte: what loading reads, and no more", async () => {
  const folder = await open();
  await load(folder);
  const read = Object.entries(model.files)
    .filter(([path]) =>
      /^(model_index|scheduler|text_encoder|unet\/(config|model))/.test(path),
    )
    .reduce((bytes, [, body]) => bytes + body.length, 0);
  expect(progress.map(({ modelTotal }) => modelTotal)).toEqual(
    progress.map(() => read),
  );
  expect(progress.at(-1)).toMatchObject({
    kind: "complete",
    modelLoaded: read,
  });
});

test("a second load asks for the list alone, and fetches what is new", async () => {
  await load(await open());
  hub.requests.length = 0;
  await load(await open());
  expect(filesAsked()).toEqual([]);
  model.files["unet/config.json"] = '{"in_channels":4}';
  const folder = await open();
  await load(folder);
  expect(filesAsked()).toEqual([`GET /${NAME}/resolve/main/unet/config.json`]);
  expect(await folder.json("unet/config.json")).toEqual({ in_channels: 4 });
});

test.each([WEIGHTS, "text_encoder/model.onnx"])(
  "%s is verified as a whole: by SHA-256, or by git's name",
  async (path) => {
    model.faults[path] = { flipAt: 77 };
    await expect((await open()).file(path)).rejects.toMatchObject({
      code: "integrity",
      message: containing("the hub lists, its digest differs"),
    });
    model.faults[path] = { flipAt: 77, times: 1 };
    expect(await readAll(await open(), path)).toEqual(model.files[path]);
  },
);

test("a file of another size is none of the hub's", async () => {
  model.faults[WEIGHTS] = { body: bytesOf(4600) };
  await expect((await open()).file(WEIGHTS)).rejects.toMatchObject({
    code: "integrity",
  });
});

test("a body that is cut goes on at the hub's own address: the signed one holds no more", async () => {
  model.faults[WEIGHTS] = { breakAfter: 2600, times: 1 };
  expect(await readAll(await open())).toEqual(model.files[WEIGHTS]);
  expect(filesAsked()).toEqual([
    `GET /${NAME}/resolve/main/${WEIGHTS}`,
    matching(/^storage GET/),
    `GET /${NAME}/resolve/main/${WEIGHTS} bytes=2600-`,
    matching(/^storage GET .* bytes=2600-$/),
  ]);
});

test("what an earlier page left of a file counts, and is verified with the rest", async () => {
  const stop = new AbortController();
  model.faults[WEIGHTS] = { stallAfter: 2600, times: 1 };
  const first = await open({
    onProgress: (event) => {
      if (event.kind === "download" && event.loaded >= 2600) stop.abort();
    },
  });
  setTimeout(() => stop.abort(), 300);
  await expect(first.file(WEIGHTS, stop.signal)).rejects.toThrow();
  hub.requests.length = 0;
  expect(await readAll(await open())).toEqual(model.files[WEIGHTS]);
  expect(filesAsked()[0]).toMatch(/ bytes=\d+-$/);
});

test("a signed address that has expired when it is reached is asked for anew", async () => {
  hub.expired = 2;
  expect(await readAll(await open())).toEqual(model.files[WEIGHTS]);
  hub.expired = 100;
  await expect(
    (await open({ cache: false })).file(WEIGHTS),
  ).rejects.toMatchObject({
    code: "fetch-failed",
    message: containing("403"),
  });
});

test("a chunk that is damaged in the cache is fetched at the hub's own address", async () => {
  const folder = await open({ chunkBytes: 1000 });
  await folder.file(WEIGHTS);
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("phaseskip-weights");
    request.onsuccess = () => resolve(request.result);
  });
  const store = database.transaction("files", "readwrite").objectStore("files");
  const keys = await new Promise<unknown[][]>((resolve) => {
    const request = store.getAllKeys();
    request.onsuccess = () => resolve(request.result as unknown[][]);
  });
  store.delete(
    keys.find((key) => key[0] === "chunk" && key[4] === 2000) as IDBValidKey,
  );
  model.gated = "tok";
  const mended = await open({
    hub: { hub: hub.origin, token: async () => "tok" },
  });
  expect(await readAll(mended)).toEqual(model.files[WEIGHTS]);
  expect(progress.map(({ kind }) => kind)).toContain("mended");
});

test("a token goes to the hub, with each request, and not beyond", async () => {
  model.secret = "let-me-in";
  const token = vi.fn(async () => "let-me-in");
  expect(
    await readAll(await open({ hub: { hub: hub.origin, token } })),
  ).toEqual(model.files[WEIGHTS]);
  expect(hub.lastHeaders.authorization).toBe("Bearer let-me-in");
  // four pages and a file; the storage refuses whoever sends it one
  expect(token).toHaveBeenCalledTimes(5);
  await expect(
    open({ hub: { hub: hub.origin, token: async () => "a\nb" } }).then(
      (folder) => folder.paths(),
    ),
  ).rejects.toThrow(TypeError);
});

test("refusals say what to do", async () => {
  model.gated = "tok";
  await expect((await open()).file(WEIGHTS)).rejects.toMatchObject({
    code: "fetch-failed",
    message: matching(
      /401 Unauthorized \(GatedRepo: Access to model .* is restricted\.\): its owner .* agree .* token/,
    ),
  });
  await expect(
    (await open({ hub: { hub: hub.origin, revision: "v 2/x" } })).paths(),
  ).rejects.toThrow(
    /404 Not Found \(RevisionNotFound: .*: the model has no such/,
  );
  hub.models.delete(NAME);
  await expect((await open()).paths()).rejects.toThrow(
    /Cannot fetch someone\/small-model as the hub answers 401 .*no model of this name.*token/,
  );
});

test("a refusal is no missing network: what is cached does not stand in for it", async () => {
  await load(await open());
  model.secret = "since then";
  await expect((await open()).file(WEIGHTS)).rejects.toMatchObject({
    code: "fetch-failed",
  });
});

test("without a network the model is as it was last loaded", async () => {
  await load(await open());
  await hub.close();
  const folder = await open();
  expect(await readAll(folder)).toEqual(model.files[WEIGHTS]);
  expect(await folder.paths()).toEqual(Object.keys(model.files));
  expect(await folder.file("text_encoder_2/model.onnx")).toBeUndefined();
  await expect(folder.file("vae_encoder/model.onnx")).rejects.toMatchObject({
    code: "fetch-failed",
  });
  await load(folder);
  expect(progress.map(({ kind }) => kind)).toContain("offline");
});

test.each([{ status: 503 }, { status: 429 }, { cut: true }])(
  "a list that does not come is asked for again: %j",
  async (fault) => {
    hub.listFault = { ...fault, times: 2 };
    expect(await (await open()).paths()).toHaveLength(10);
    hub.listFault = { ...fault, times: 100 };
    await expect((await open()).paths()).rejects.toMatchObject({
      code: "fetch-failed",
    });
  },
);

test("other hubs by templates; without a list, files are asked for one by one", async () => {
  const files = `${hub.origin}/{model}/resolve/{revision}`;
  const folder = await open({ hub: { hub: { files } } });
  expect(await readAll(folder)).toEqual(model.files[WEIGHTS]);
  expect(await folder.file("none.json")).toBeUndefined();
  expect(hub.requests.filter((line) => line.includes("/api/"))).toEqual([]);
  for (const wrong of ["ftp://x/{model}", "{model}"])
    await expect(open({ hub: { hub: { files: wrong } } })).rejects.toThrow(
      TypeError,
    );
  await expect(
    open({ hub: { hub: { files: "https://x.example/" } } }),
  ).rejects.toThrow("hub must be an http(s) URL, or templates");
  await expect(open({ hub: { revision: "" } })).rejects.toThrow("revision");
});

test("a list that leads to another origin is not followed", async () => {
  const other = await serveHub(100);
  try {
    other.models.set(NAME, model);
    hub.nextOrigin = other.origin;
    await expect((await open()).paths()).rejects.toThrow(
      "its next page is said to be",
    );
    expect(other.requests).toEqual([]);
  } finally {
    await other.close();
  }
});

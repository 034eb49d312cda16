// The second load of a model against its two unavoidable parts: reading the bytes from IndexedDB, making the sessions.
import { openFolder } from "../../packages/runtime/src/folder/model-folder.js";
import { Model } from "../../packages/runtime/src/pipeline/model.js";
import { planRun } from "../../packages/runtime/src/pipeline/plan-run.js";
import { parseRequest } from "../../packages/runtime/src/pipeline/request.js";
import {
  openDevice,
  type Device,
  type Session,
} from "../../packages/runtime/src/device/session.js";

/** Times in ms, a pair taken one right after the other. */
export interface LoadTimes {
  readonly ours: number[];
  readonly raw: number[];
  /** Bytes in IndexedDB. */
  readonly bytes: number;
  readonly sessions: number;
}

type SessionArguments = Parameters<Device["createSession"]>;

/** Loads the model until its sessions for the whole Unet are made. */
async function load(location: string, device: Device): Promise<Model> {
  const model = await Model.load(await openFolder(location), device);
  await model.start();
  const run = await planRun(model, parseRequest({ prompt: "a red boat" }));
  await model.unet.prepare(run.unet, run.schedule.signatures);
  return model;
}

/** The device, noting what its sessions are made of. */
function recording(device: Device, made: SessionArguments[]): Device {
  return new Proxy(device, {
    get(target, name) {
      if (name === "createSession") {
        return (...[model, external]: SessionArguments) => {
          made.push([
            model.slice(),
            external && { ...external, bytes: external.bytes.slice() },
          ]);
          return target.createSession(model, external);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function"
        ? (value.bind(target) as unknown)
        : value;
    },
  });
}

async function storedChunks(): Promise<ArrayBuffer[]> {
  const database = await done(indexedDB.open("phaseskip-weights"));
  const read = () =>
    database.transaction("files", "readonly").objectStore("files");
  const keys = (await done(read().getAllKeys())) as string[][];
  const chunks: ArrayBuffer[] = [];
  for (const key of keys)
    if (key[0] === "chunk")
      chunks.push((await done(read().get(key))) as ArrayBuffer);
  database.close();
  return chunks;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

async function measure(location: string, pairs: number): Promise<LoadTimes> {
  const device = await openDevice("wasm");
  const made: SessionArguments[] = [];
  await (await load(location, recording(device, made))).dispose();
  const times: LoadTimes = {
    ours: [],
    raw: [],
    bytes: (await storedChunks()).reduce((sum, c) => sum + c.byteLength, 0),
    sessions: made.length,
  };
  for (let pair = -2; pair < pairs; pair++) {
    const start = performance.now();
    const model = await load(location, device);
    const ours = performance.now() - start;
    await model.dispose();

    const again = performance.now();
    await storedChunks();
    const sessions: Session[] = [];
    for (const args of made) sessions.push(await device.createSession(...args));
    const raw = performance.now() - again;
    for (const session of sessions) await session.release();
    if (pair < 0) continue; // warming up
    times.ours.push(ours);
    times.raw.push(raw);
    self.postMessage({ label: "second load", done: pair + 1, total: pairs });
  }
  return times;
}

self.onmessage = ({
  data,
}: MessageEvent<{ location: string; pairs: number }>) => {
  measure(data.location, data.pairs).then(
    (measured) => self.postMessage({ measured }),
    (error: unknown) => self.postMessage({ error: String(error) }),
  );
};

// What pages do around a model: service workers, no locks, another version's cache, room that is taken back.
import { deleteModel, listModels } from "phaseskip";
import {
  check,
  rejection,
  rejectionCode,
  type ConformanceCase,
} from "./case.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  load,
  makeWorker,
  progressLog,
  serveTestModel,
} from "./test-model.js";
import { underServiceWorker } from "./under-service-worker.js";

const { full } = requests;

export const pageCases: readonly ConformanceCase[] = [
  {
    name: "service-worker",
    holds:
      "behind a service worker that keeps whole files a model loads twice, the second time without the server",
    isQuiet: false,
    run: () =>
      underServiceWorker("keep", async () => {
        const model = await serveTestModel(full.model);
        const first = await load(model);
        await checkGolden("full", await first.generate(full.options));
        await deleteModel(model.location);
        await model.fault({ all: { unreachable: true } });
        const again = await load(model);
        return checkGolden("full", await again.generate(full.options));
      }),
  },
  {
    name: "sw-refuses",
    holds:
      "a service worker that answers 503, or a network error, is fetch-failed and named; a model that was kept loads",
    isQuiet: false,
    async run() {
      const kept = await serveTestModel(full.model);
      await load(kept);
      const busy = await underServiceWorker("busy", async () => {
        const unknown = await serveTestModel(full.model);
        const message = await rejectionCode(load(unknown), "fetch-failed");
        check(/503/.test(message), message);
        const pipeline = await load(kept);
        await checkGolden("full", await pipeline.generate(full.options));
        return message;
      });
      await underServiceWorker("broken", async () => {
        const unknown = await serveTestModel(full.model);
        const reason = (await rejection(load(unknown))) as Error & {
          code?: string;
        };
        check(
          reason.code === "fetch-failed",
          `a broken answer gave ${reason.message}`,
        );
      });
      return busy;
    },
  },
  {
    name: "newer-cache",
    holds:
      "a cache that a newer version laid out is left as it is; the model loads from memory and says why",
    async run() {
      const model = await serveTestModel(full.model);
      await load(model);
      const before = await cacheKeys();
      await keepFormat(2);
      try {
        const log = progressLog();
        const pipeline = await load(model, log);
        check(
          log.paths("uncached").length === 1,
          `it is told of ${log.paths("uncached").join(", ")}`,
        );
        const said = pipeline.warnings.join("; ");
        check(/another version of phaseskip/.test(said), said);
        const why = (await rejection(listModels())) as { code?: string };
        check(why.code === "quota", `listModels() gave ${why.code}`);
        await checkGolden("full", await pipeline.generate(full.options));
      } finally {
        await keepFormat(undefined);
      }
      check(
        (await cacheKeys()) === before,
        "the newer version's records are changed",
      );
      const log = progressLog();
      const pipeline = await load(model, log);
      check(log.paths("download").length === 0, "something was downloaded");
      return checkGolden("full", await pipeline.generate(full.options));
    },
  },
  {
    name: "no-locks",
    holds: "without navigator.locks a model loads, draws and is kept",
    async run() {
      await import("./remove-locks.js");
      const worker = () => makeWorker("lockless-worker.js");
      const model = await serveTestModel(full.model);
      const first = await load(model, { worker });
      await checkGolden("full", await first.generate(full.options));
      const log = progressLog();
      const again = await load(model, { worker, ...log });
      check(log.paths("download").length === 0, "something was downloaded");
      return checkGolden("full", await again.generate(full.options));
    },
  },
  {
    name: "room-taken-back",
    holds:
      "a quota that is withdrawn in the middle of a load is told; the model draws, and the next load is whole",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const log = progressLog();
      const worker = () => makeWorker("full-worker.js");
      const pipeline = await load(model, { worker, ...log });
      check(log.paths("uncached").length > 0, "it did not say so");
      const said = pipeline.warnings.join("; ");
      check(/fetched again at each load/.test(said), `it warns: ${said}`);
      await checkGolden("full", await pipeline.generate(full.options));
      const next = await load(model);
      return checkGolden("full", await next.generate(full.options));
    },
  },
  {
    name: "hidden-frame",
    holds: "in a frame that is not shown, where no frame is painted, it draws",
    async run() {
      const model = await serveTestModel(full.model);
      const frame = document.createElement("iframe");
      frame.style.display = "none";
      const drawn = new Promise<unknown>((resolve) =>
        addEventListener("message", ({ source, data }) => {
          const news = data as { kind: string };
          if (source === frame.contentWindow && news.kind !== "progress")
            resolve(news);
        }),
      );
      frame.src = `frame.html?model=${encodeURIComponent(model.location)}`;
      document.body.append(frame);
      const news = (await drawn) as { kind: string; reason?: string };
      frame.remove();
      check(news.kind === "drawn", news.reason ?? news.kind);
    },
  },
];

/** Names the cache's format, as a newer version of the package would. */
async function keepFormat(format: number | undefined): Promise<void> {
  await inCache("readwrite", (store) =>
    format === undefined
      ? store.delete(["format"])
      : store.put(format, ["format"]),
  );
}

/** All keys of the cache but its format's. */
async function cacheKeys(): Promise<string> {
  const keys = await inCache("readonly", (store) => store.getAllKeys());
  const parts = keys as unknown[][];
  return JSON.stringify(parts.filter(([kind]) => kind !== "format"));
}

function inCache(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const opening = indexedDB.open("phaseskip-weights");
  return new Promise((resolve, reject) => {
    opening.onerror = () => reject(opening.error!);
    opening.onsuccess = () => {
      const database = opening.result;
      const request = ask(
        database.transaction("files", mode).objectStore("files"),
      );
      request.onsuccess = () => {
        database.close();
        resolve(request.result);
      };
      request.onerror = () => reject(request.error!);
    };
  });
}

// The weights come whole or not at all, whatever the network and the storage do.
import { listModels } from "phaseskip";
import {
  check,
  pause,
  rejectionCode,
  settled,
  type ConformanceCase,
} from "./case.js";
import type { FrameNews } from "./frame.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  load,
  makeWorker,
  progressLog,
  serveTestModel,
  type TestModel,
} from "./test-model.js";

const { full } = requests;
const unet = "unet/model.onnx";
const mebibyte = 2 ** 20;

/** Loads and draws, and compares with Node. */
async function loadAndDraw(
  model: TestModel,
  options?: Parameters<typeof load>[1],
) {
  const pipeline = await load(model, options);
  return checkGolden("full", await pipeline.generate(full.options));
}

/** Opens a frame that loads a model; hands on what it tells. */
function openFrame(model: TestModel, onNews: (news: FrameNews) => void) {
  const frame = document.createElement("iframe");
  const listener = (event: MessageEvent<FrameNews>) => {
    if (event.source === frame.contentWindow) onNews(event.data);
  };
  addEventListener("message", listener);
  frame.src = `frame.html?model=${encodeURIComponent(model.location)}`;
  document.body.append(frame);
  return () => {
    removeEventListener("message", listener);
    frame.remove();
  };
}

/** The levels that a frame draws. */
const drawnInFrame = (model: TestModel) =>
  new Promise<readonly number[]>((resolve, reject) => {
    const close = openFrame(model, (news) => {
      if (news.kind === "progress") return;
      close();
      if (news.kind === "drawn") resolve(news.levels);
      else reject(new Error(news.reason));
    });
  });

export const cacheCases: readonly ConformanceCase[] = [
  {
    name: "offline",
    holds: "the second load works without the server",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      await loadAndDraw(model);
      await model.fault({ all: { unreachable: true } });
      const log = progressLog();
      const said = await loadAndDraw(model, log);
      check(log.paths("download").length === 0, "something was downloaded");
      check(log.paths("offline").includes(unet), "offline was not reported");
      return said;
    },
  },
  {
    name: "second-load",
    holds:
      "the second load downloads nothing, and a changed file is fetched anew",
    async run() {
      const model = await serveTestModel(full.model);
      await loadAndDraw(model);
      const log = progressLog();
      await loadAndDraw(model, log);
      check(log.paths("download").length === 0, "something was downloaded");
      await model.fault({ [unet]: { headers: { etag: '"another"' } } });
      const changed = progressLog();
      const said = await loadAndDraw(model, changed);
      check(
        changed.paths("download").includes(unet),
        "the changed file was not fetched",
      );
      return said;
    },
  },
  {
    name: "resume",
    isLong: true,
    holds: "a download of 40 MiB that breaks off goes on where it ended",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        padding: 40 * mebibyte,
        faults: { [unet]: { breakAfter: 20 * mebibyte } },
      });
      const said = await loadAndDraw(model);
      const asked = await model.requests();
      const ranges = asked.filter((line) => line.includes("bytes="));
      check(ranges.length > 0, `it began again: ${asked.join(", ")}`);
      return `${ranges.join(", ")}; ${said}`;
    },
  },
  {
    name: "stall",
    holds:
      "a server that goes silent holds up no other call, and an abort ends the wait",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        faults: { [unet]: { stallAfter: 1000 } },
      });
      const controller = new AbortController();
      const { signal } = controller;
      const loading = load(model, { signal });
      loading.catch(() => undefined);
      await loadAndDraw(await serveTestModel(full.model));
      controller.abort();
      const given = await settled(
        loading.then(
          () => "it was loaded",
          (reason: unknown) => reason,
        ),
        2_000,
      );
      check(given === signal.reason, String(given));
      await model.fault({});
      return loadAndDraw(model);
    },
  },
  {
    name: "cut-off",
    holds: "a file that always breaks off is fetch-failed; the next load works",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        faults: { [unet]: { breakAfter: 1000, ranges: false } },
      });
      await rejectionCode(load(model), "fetch-failed", 100_000);
      await model.fault({});
      return loadAndDraw(model);
    },
  },
  {
    name: "truncated",
    holds: "a file that ends early as if whole is refused; the next load works",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        isPacked: true,
        faults: { [unet]: { truncateAfter: 1000, ranges: false } },
      });
      const refusal = await load(model).then(
        () => undefined,
        (error: { code?: string; message: string }) => error,
      );
      check(
        /^(integrity|fetch-failed)$/.test(refusal?.code ?? ""),
        `it gave ${refusal?.message ?? "a model"}`,
      );
      await model.fault({});
      await loadAndDraw(model);
      return refusal!.message;
    },
  },
  {
    name: "wrong-bytes",
    holds: "a flipped bit on the way is found by its hash; the next load works",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        isPacked: true,
        faults: { [unet]: { flipAt: 5000 } },
      });
      await rejectionCode(load(model), "integrity", 100_000);
      await model.fault({});
      return loadAndDraw(model);
    },
  },
  {
    name: "wrong-headers",
    holds:
      "a web page in a file's place is model-invalid, a missing Unet is named",
    isQuiet: false,
    async run() {
      const page = { headers: { "content-type": "text/html" } };
      const model = await serveTestModel(full.model, {
        faults: { [unet]: page },
      });
      await rejectionCode(load(model), "model-invalid");
      await model.fault({ [unet]: { status: 404 } });
      const missing = await rejectionCode(load(model), "model-invalid");
      check(missing.includes(unet), missing);
      await model.fault({ [unet]: { headers: { "content-length": null } } });
      return loadAndDraw(model);
    },
  },
  {
    name: "two-tabs",
    holds: "two pages that load at once download once",
    async run() {
      if (!("locks" in navigator)) throw new Error("there are no Web Locks");
      const model = await serveTestModel(full.model, {
        faults: { [unet]: { bytesPerSecond: 200_000 } },
      });
      const [one, other] = await Promise.all([
        drawnInFrame(model),
        drawnInFrame(model),
      ]);
      check(String(one) === String(other), "they drew different pictures");
      const asked = await model.requests();
      const downloads = asked.filter((line) => line.startsWith(`GET ${unet}`));
      check(downloads.length === 1, `they asked ${downloads.join(", ")}`);
    },
  },
  {
    name: "closed-tabs",
    isLong: true,
    holds:
      "after thirty pages closed in the middle of a download, the model is whole",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model, {
        padding: 40 * mebibyte,
        faults: { [unet]: { bytesPerSecond: 40 * mebibyte } },
      });
      for (let tab = 0; tab < 30; tab += 1) {
        let begun = () => {};
        const hasBegun = new Promise<void>((resolve) => (begun = resolve));
        const close = openFrame(model, (news) => {
          if (news.kind !== "progress" || news.modelLoaded > 0) begun();
        });
        await settled(hasBegun, 60_000);
        await pause(tab * 10);
        close();
      }
      const log = progressLog();
      const said = await loadAndDraw(model, log);
      const [listed] = await listModels();
      check(
        (listed?.bytes ?? 0) > 40 * mebibyte,
        `the cache holds ${listed?.bytes} bytes`,
      );
      return said;
    },
  },
  {
    name: "private",
    holds: "where IndexedDB refuses, the model runs from memory and says so",
    async run() {
      const log = progressLog();
      const worker = () => makeWorker("private-worker.js");
      const model = await serveTestModel(full.model);
      const said = await loadAndDraw(model, { worker, ...log });
      check(log.paths("uncached").length > 0, "it did not say so");
      return said;
    },
  },
];

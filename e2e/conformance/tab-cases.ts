// What befalls a tab: it is left and come back to, lies behind another, is written anew; others of its origin hold the
// cache or throw it away.
import { deleteModel, listModels } from "phaseskip";
import {
  check,
  rejectionCode,
  settled,
  skip,
  type ConformanceCase,
} from "./case.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  load,
  progressLog,
  serveTestModel,
} from "./test-model.js";

const { full } = requests;
const many = { ...full.options, numInferenceSteps: 200 };
const database = "phaseskip-weights";

/** Resolves when a database is gone; rejects where something holds it. */
const deleted = (name: string) =>
  new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error!);
    request.onblocked = () => reject(new Error("its deletion is held up"));
  });

export const tabCases: readonly ConformanceCase[] = [
  {
    name: "back-forward",
    holds:
      "a page that is left in the middle of a run, and come back to, draws: as it was kept, or made anew",
    isQuiet: false,
    async run() {
      const left = sessionStorage.getItem("left");
      if (left !== null) {
        sessionStorage.removeItem("left");
        const model = { ...(await serveTestModel(full.model)), location: left };
        const log = progressLog();
        const anew = await load(model, log);
        check(log.paths("download").length === 0, "something was downloaded");
        return `made anew; ${await checkGolden("full", await anew.generate(full.options))}`;
      }
      const model = await serveTestModel(full.model);
      const pipeline = await load(model);
      const comesBack = new Promise<void>((resolve) =>
        addEventListener("pageshow", ({ persisted }) => persisted && resolve()),
      );
      let steps = 0;
      const onStep = () => {
        if (++steps !== 3) return;
        sessionStorage.setItem("left", model.location);
        location.href = "away.html";
      };
      const running = pipeline.generate({ ...many, onStep }).then(
        () => "ended",
        ({ code }: { code?: string }) => code ?? "an error without a code",
      );
      await comesBack;
      sessionStorage.removeItem("left");
      const came = await settled(running, 100_000);
      check(/^(ended|worker-lost)$/.test(came), `the run gave ${came}`);
      const said = await checkGolden(
        "full",
        await pipeline.generate(full.options),
      );
      return `kept, the run: ${came}; ${said}`;
    },
  },
  {
    name: "hidden-tab",
    isBehind: true,
    holds: "in a tab that lies behind another it loads and draws",
    async run() {
      let wasHidden = document.hidden;
      document.addEventListener("visibilitychange", () => (wasHidden = true));
      const pipeline = await load(await serveTestModel(full.model));
      await pipeline.generate(many);
      if (!wasHidden)
        skip("without windows this engine shows the tab behind another, too");
      return checkGolden("full", await pipeline.generate(full.options));
    },
  },
  {
    name: "document-open",
    holds:
      "a page that is written anew with document.open() keeps its pipelines",
    async run() {
      const pipeline = await load(await serveTestModel(full.model));
      const drawing = pipeline.generate(many);
      document.open();
      document.write("<!doctype html><title>another page</title>");
      document.close();
      await settled(drawing, 100_000);
      return checkGolden("full", await pipeline.generate(full.options));
    },
  },
  {
    name: "cache-deleted",
    holds:
      "an app may delete the cache's database while a pipeline is there: it draws on, and the next load fetches and keeps",
    async run() {
      const model = await serveTestModel(full.model);
      const pipeline = await load(model);
      await listModels(); // the page has it open, too
      await settled(deleted(database), 5_000);
      await checkGolden("full", await pipeline.generate(full.options));
      await load(model);
      const log = progressLog();
      const again = await load(model, log);
      check(log.paths("download").length === 0, "it was not kept");
      return checkGolden("full", await again.generate(full.options));
    },
  },
  {
    name: "cache-held",
    isLong: true,
    holds:
      "where another tab holds the database and a deletion waits for it, a model loads from memory and says why",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      await load(model);
      const held = await new Promise<IDBDatabase>((resolve) => {
        const opening = indexedDB.open(database);
        opening.onsuccess = () => resolve(opening.result);
      });
      const deletion = indexedDB.deleteDatabase(database);
      try {
        const log = progressLog();
        const pipeline = await settled(load(model, log), 60_000);
        check(log.paths("uncached").length > 0, "it did not say so");
        const said = pipeline.warnings.join("; ");
        check(/close other tabs of this site/.test(said), `it warns: ${said}`);
        await rejectionCode(listModels(), "quota", 20_000);
        await checkGolden("full", await pipeline.generate(full.options));
        return said;
      } finally {
        const gone = new Promise((resolve) => (deletion.onsuccess = resolve));
        held.close();
        await settled(gone, 20_000);
        await deleteModel(model.location);
      }
    },
  },
];

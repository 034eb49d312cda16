// Servers, and service workers before them, that answer other than they are asked.
import { check, rejectionCode, type ConformanceCase } from "./case.js";
import { requests } from "./requests.js";
import {
  checkGolden,
  load,
  progressLog,
  serveTestModel,
} from "./test-model.js";
import { underServiceWorker } from "./under-service-worker.js";

const { full } = requests;
const unet = "unet/model.onnx";
/** Where a first answer breaks off, in bytes. */
const breakAfter = 20_000;

export const oddNetworkCases: readonly ConformanceCase[] = [
  {
    name: "wrong-range",
    holds:
      "where the rest of a broken download comes from another place of the file, it begins again",
    isQuiet: false,
    async run() {
      const elsewhere = { "content-range": "bytes 0-99/100" };
      const model = await serveTestModel(full.model, {
        faults: { [unet]: [{ breakAfter }, { headers: elsewhere }, {}] },
      });
      const pipeline = await load(model);
      const asked = (await model.requests()).filter((line) =>
        line.startsWith(`GET ${unet}`),
      );
      check(
        asked.some((line) => line.includes(`bytes=${breakAfter}-`)),
        `it asked ${asked.join(", ")}`,
      );
      const said = await checkGolden(
        "full",
        await pipeline.generate(full.options),
      );
      return `${asked.join(", ")}; ${said}`;
    },
  },
  {
    name: "gzip",
    holds:
      "weights that come compressed, their length that of what is sent, are whole and kept",
    async run() {
      const model = await serveTestModel(full.model, {
        faults: { all: { gzip: true } },
      });
      const first = await load(model);
      await checkGolden("full", await first.generate(full.options));
      const log = progressLog();
      const again = await load(model, log);
      check(log.paths("download").length === 0, "something was downloaded");
      return checkGolden("full", await again.generate(full.options));
    },
  },
  {
    name: "sw-rangeless",
    holds:
      "a service worker that gives whole files where ranges are asked for costs a broken download its beginning, no more",
    isQuiet: false,
    run: () =>
      underServiceWorker("whole", async () => {
        const model = await serveTestModel(full.model, {
          faults: { [unet]: [{ breakAfter }, {}] },
        });
        const pipeline = await load(model);
        return checkGolden("full", await pipeline.generate(full.options));
      }),
  },
  {
    name: "sw-opaque",
    holds:
      "a service worker that answers what no page may read is fetch-failed, and the file is named",
    isQuiet: false,
    run: () =>
      underServiceWorker("opaque", async () => {
        const model = await serveTestModel(full.model);
        const said = await rejectionCode(load(model), "fetch-failed");
        check(said.includes(model.location), said);
        return said;
      }),
  },
];

// Pages whose policy, address or way to make a worker leaves something out: the answer says what.
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
  progressLog,
  serveTestModel,
} from "./test-model.js";

const { full } = requests;

export const policyCases: readonly ConformanceCase[] = [
  {
    name: "classic-worker",
    holds: 'a worker that is made without type "module" is told so',
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const url = new URL("phaseskip/phaseskip.worker.js", document.baseURI);
      const loading = load(model, { worker: () => new Worker(url) });
      const said = await rejectionCode(loading, "worker-lost");
      check(/type: "module"|type module/.test(said), said);
      return said;
    },
  },
  {
    name: "no-worker",
    page: "no-worker",
    holds: "a policy that forbids workers is worker-lost that names the policy",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const said = await rejectionCode(load(model), "worker-lost");
      check(/content security policy/.test(said), said);
      return said;
    },
  },
  {
    name: "no-wasm",
    page: "no-wasm",
    holds:
      "a policy that forbids WebAssembly is an error that names the policy",
    isQuiet: false,
    async run() {
      const model = await serveTestModel(full.model);
      const given = (await rejection(load(model))) as Error;
      check(/content security policy/.test(given.message), given.message);
      return given.message;
    },
  },
  {
    name: "insecure",
    page: "insecure",
    holds:
      "outside a secure context, without digests and locks, it says so, draws, and keeps the model",
    async run() {
      check(!globalThis.isSecureContext, "the context is secure");
      const log = progressLog();
      const model = await serveTestModel(full.model, { isPacked: true });
      const first = await load(model, log);
      check(
        log.events.some(({ kind }) => kind === "insecure"),
        "it did not say so",
      );
      await checkGolden("full", await first.generate(full.options));
      const second = progressLog();
      const again = await load(model, second);
      check(second.paths("download").length === 0, "something was downloaded");
      return checkGolden("full", await again.generate(full.options));
    },
  },
];

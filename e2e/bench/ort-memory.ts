// npm run bench:ort-memory: what ONNX Runtime Web does with a model's weights in memory, one process for each case.
// Prints the table of docs/memory.md.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { formatTable } from "../../packages/cli/src/terminal/table.js";
import { weightModel, type WeightCase } from "./weight-model.js";

const levels = ["disabled", "basic", "extended", "all"] as const;
const operators = ["MatMul", "Gemm", "Conv"] as const;
const forms = [
  "float32",
  "float16",
  "cast",
  "default input",
  "default input, casts first",
] as const;

/** What one case took. */
interface Taken {
  /** The WASM heap's size at the end over the bytes of the weights, what an empty model takes left out. */
  readonly heap: number;
  /** The shortest of several runs, in ms. */
  readonly run: number;
}

if (process.argv[2] === undefined) {
  const rows: string[][] = [];
  for (const operator of operators)
    for (const form of forms)
      for (const isExternal of [true, false]) {
        const taken = levels.map((level) =>
          measureApart({ operator, form, isExternal, level }),
        );
        rows.push([
          operator,
          form,
          isExternal ? "beside" : "inside",
          ...taken.map((one) =>
            one ? `${one.heap.toFixed(2)} · ${one.run.toFixed(0)} ms` : "–",
          ),
        ]);
      }
  const columns = ["operator", "weights", "lie", ...levels].map((title) => ({
    title,
  }));
  process.stdout.write(formatTable(columns, rows, { stream: process.stdout }));
} else {
  const given = JSON.parse(process.argv[2]) as WeightCase;
  console.log(JSON.stringify(await measure(given)));
}

function measureApart(given: WeightCase): Taken | undefined {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      "--conditions=@phaseskip/source",
      `--import=${fileURLToPath(new URL("../../scripts/source-hooks.mjs", import.meta.url))}`,
      fileURLToPath(import.meta.url),
      JSON.stringify(given),
    ],
    { encoding: "utf8" },
  );
  if (status === 0) return JSON.parse(stdout) as Taken;
  process.stderr.write(`${JSON.stringify(given)}: ${stderr.slice(-400)}\n`);
  return undefined;
}

async function measure(given: WeightCase): Promise<Taken> {
  // ONNX Runtime makes its heap by this constructor and shows it to nobody
  let heap: WebAssembly.Memory | undefined;
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const made = new target(descriptor);
      heap ??= made;
      return made;
    },
  });
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const heapBytes = () => heap!.buffer.byteLength;
  const { bytes, external, weightBytes, inputDims, inputType } =
    weightModel(given);
  const options = {
    executionProviders: ["wasm"],
    graphOptimizationLevel: given.level,
    logSeverityLevel: 3,
  } as const;
  const empty = weightModel({ ...given, isEmpty: true });
  await ort.InferenceSession.create(empty.bytes, options);
  const before = heapBytes();
  const session = await ort.InferenceSession.create(bytes, {
    ...options,
    ...(external && { externalData: [{ path: "weights", data: external }] }),
  });
  const count = inputDims.reduce((product, dim) => product * dim, 1);
  const data =
    inputType === "float16" ? new Uint16Array(count) : new Float32Array(count);
  const x = new ort.Tensor(inputType, data as Float32Array, inputDims);
  let run = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    const made = await session.run({ x });
    run = Math.min(run, performance.now() - start);
    for (const tensor of Object.values(made)) tensor.dispose();
  }
  return { heap: (heapBytes() - before) / weightBytes, run };
}

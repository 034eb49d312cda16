#!/usr/bin/env bash
# One would guess: a topological order is a topological order. Four matrix products with float16 weights, each widened by
#   a Cast right before its product: a runtime that frees values after their last reader holds one widened weight at a
#   time, and Casts that all stand in front can only be worse.
# What happens: the other way round. With each Cast right before its product, ONNX Runtime runs all Casts first and holds
#   every widened weight at once: a heap of 3.4 times the weights. With all Casts in front, each runs right before its
#   reader: 1.9 times. (0.5 of both is ONNX Runtime itself.) The weights are inputs with default values here, so that
#   nothing folds the Casts; plain initialisers are folded and held twice, 4.0 times.
# Versions: onnxruntime-web 1.30.0 (onnx-proto 8.0.1 writes the files).
# Who meets it: whoever keeps weights as float16 or 8 bits behind a Cast or DequantizeLinear to save memory in a page.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund onnxruntime-web@1.30.0 onnx-proto@8.0.1 2> npm.log || { cat npm.log; exit 2; }
cat > run.cjs <<'JS'
const { onnx } = require("onnx-proto");
const [order, isDefault] = [process.argv[2], process.argv[3] === "default"];
let heap;
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor) { super(descriptor); heap ??= this; }
};
const side = 2048, bytes = 2 * side * side, names = ["w0", "w1", "w2", "w3"];
const value = (name, elemType, dims) => ({
  name,
  type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});
const casts = names.map((name) => ({
  opType: "Cast", input: [name], output: [`${name}wide`], attribute: [{ name: "to", type: 2, i: 1 }],
}));
const products = names.map((name, i) => ({
  opType: "MatMul", input: [i ? `h${i}` : "x", `${name}wide`], output: [i === 3 ? "y" : `h${i + 1}`],
}));
const node = order === "front" ? [...casts, ...products] : names.flatMap((_, i) => [casts[i], products[i]]);
const model = {
  irVersion: 8,
  opsetImport: [{ domain: "", version: 17 }],
  graph: {
    name: "g", node,
    input: [value("x", 1, [64, side]), ...(isDefault ? names.map((name) => value(name, 10, [side, side])) : [])],
    output: [value("y", 1, [64, side])],
    initializer: names.map((name, i) => ({
      name, dataType: 10, dims: [side, side], dataLocation: 1,
      externalData: [["location", "w"], ["offset", String(i * bytes)], ["length", String(bytes)]].map(([key, value]) => ({ key, value })),
    })),
  },
};
(async () => {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const file = onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ["wasm"], graphOptimizationLevel: "extended", logSeverityLevel: 3,
    externalData: [{ path: "w", data: new Uint8Array(bytes * 4) }],
  });
  await session.run({ x: new ort.Tensor("float32", new Float32Array(64 * side), [64, side]) });
  console.log((heap.buffer.byteLength / (4 * bytes)).toFixed(2));
})();
JS
between=$(node run.cjs between default)
front=$(node run.cjs front default)
plain=$(node run.cjs front plain)
echo "onnxruntime-web 1.30.0, heap ÷ float16 weights of 34 MB, ONNX Runtime's own few included:"
echo "each Cast right before its product     $between"
echo "all Casts in front of all products     $front"
echo "plain initialisers, Casts folded       $plain"
node -e "process.exit($between > 1.5 * $front && $plain > 1.5 * $front ? 0 : 1)"

#!/usr/bin/env bash
# One would guess: a model's weights take the same memory in ONNX Runtime Web whether they are inside model.onnx or beside
#   it, as externalData: in the end they lie in the WebAssembly heap.
# What happens: inside, the file, the parsed message and the weights are there together while the session is made: a heap
#   of 2.3 to 2.8 times the weights. Beside it, 1.3 to 1.8 times. The heap never shrinks: the page keeps the peak.
# Versions: onnxruntime-web 1.30.0, /wasm entry.
# Who meets it: pages near a phone's limit or the heap's 4 GB: a 1.3 GB file that fails inside loads beside.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site onnx==1.23.2 numpy==2.4.6
npm install --silent --ignore-scripts --no-package-lock --prefix . onnxruntime-web@1.30.0

PYTHONPATH=site python3 - <<'PYTHON'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(name, operator, shape, input_shape, count, **attributes):
    """A chain of `count` layers, with the weights inside, then beside."""
    value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, input_shape)
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.standard_normal(shape, dtype=np.float32) / 32, f"w{i}") for i in range(count)
    ]
    nodes = [helper.make_node(operator, [f"h{i}", f"w{i}"], [f"h{i + 1}"], **attributes) for i in range(count)]
    graph = helper.make_graph(nodes, "g", [value("h0")], [value(f"h{count}")], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, f"{name}-inside.onnx")
    onnx.save(model, f"{name}-beside.onnx", save_as_external_data=True, location=f"{name}.data")


save("linear", "MatMul", (1024, 1024), [1, 1024], 20)
save("convolution", "Conv", (256, 256, 3, 3), [1, 256, 4, 4], 40, pads=[1, 1, 1, 1])
PYTHON

cat > web.mjs <<'JS'
import { existsSync, readFileSync } from "node:fs";

const [name, place] = process.argv.slice(2);
const heaps = [];
const Memory = WebAssembly.Memory;
WebAssembly.Memory = class extends Memory {
  constructor(limits) {
    super(limits);
    heaps.push(this);
  }
};
const ort = await import("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;
const data = place === "beside" ? readFileSync(`${name}.data`) : undefined;
const model = readFileSync(`${name}-${place}.onnx`);
const externalData = data && [{ path: `${name}.data`, data }];
const session = await ort.InferenceSession.create(model, externalData ? { externalData } : {});
const bytes = (data ?? model).length;
const heap = Math.max(...heaps.map(({ buffer }) => buffer.byteLength));
console.log(JSON.stringify({ name, place, file: bytes, heap, ratio: Number((heap / bytes).toFixed(2)) }));
JS
node --print 'JSON.parse(require("fs").readFileSync("node_modules/onnxruntime-web/package.json")).version' | sed 's/^/onnxruntime-web /'
for name in linear convolution; do
  for place in inside beside; do node web.mjs "$name" "$place" | tee -a seen; done
done
node - <<'JS'
const seen = require("fs").readFileSync("seen", "utf8").trim().split("\n").map((line) => JSON.parse(line));
const ratio = (name, place) => seen.find((one) => one.name === name && one.place === place).ratio;
const saved = ["linear", "convolution"].map((name) => ratio(name, "inside") / ratio(name, "beside"));
console.log("inside over beside:", saved.map((value) => value.toFixed(2)).join(", "));
process.exit(saved.every((value) => value > 1.35) ? 0 : 1);
JS

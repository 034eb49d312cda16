#!/usr/bin/env bash
# One would guess: a RandomNormalLike with the attribute seed = 7 is the reproducible part of a graph: the same numbers at
#   each run, and in each build of the same version of ONNX Runtime.
# What happens: the seed starts a generator that then goes on from run to run, so only the first runs of two sessions agree;
#   and ONNX Runtime Web draws other numbers than the native runtime, as each build has its C++ library's distribution.
# Versions: onnxruntime 1.30.0 on Linux, onnxruntime-web 1.30.0.
# Who meets it: VAE encoders exported with their sampling inside, and whoever stores their results as golden values of a port.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site onnx==1.23.2 onnxruntime==1.30.0 numpy==2.4.6
npm install --silent --ignore-scripts --no-package-lock --prefix . onnxruntime-web@1.30.0

PYTHONPATH=site python3 - <<'PYTHON'
import json

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])
node = helper.make_node("RandomNormalLike", ["x"], ["noise"], seed=7.0)
graph = helper.make_graph([node], "g", [value("x")], [value("noise")])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), "model.onnx")

print("onnxruntime", onnxruntime.__version__)
runs = []
for _ in range(2):
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    runs.append([session.run(None, {"x": np.zeros(4096, np.float32)})[0].tolist() for _ in range(2)])
json.dump(runs, open("native.json", "w"))
PYTHON

cat > web.mjs <<'JS'
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;
const x = new ort.Tensor("float32", new Float32Array(4096), [4096]);
const web = [];
for (let i = 0; i < 2; i++) {
  const session = await ort.InferenceSession.create(readFileSync("model.onnx"));
  web.push([[...(await session.run({ x })).noise.data], [...(await session.run({ x })).noise.data]]);
}
const native = JSON.parse(readFileSync("native.json", "utf8"));
const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i])) / Math.sqrt(a.length);
const deviation = (a) => Math.hypot(...a) / Math.sqrt(a.length);
console.log("onnxruntime-web", ort.env.versions.web);
let holds = true;
for (const [name, runs] of Object.entries({ native, web })) {
  const [[first, second], [again]] = runs;
  console.log(`${name}: standard deviation ${deviation(first).toFixed(2)}; second run ${distance(first, second).toFixed(2)} away;`,
    `another session's first ${distance(first, again).toFixed(2)} away`);
  holds &&= distance(first, second) > 1 && distance(first, again) === 0 && Math.abs(deviation(first) - 1) < 0.1;
}
console.log(`web from native: ${distance(web[0][0], native[0][0]).toFixed(2)} away (independent noise: 1.41)`);
holds &&= distance(web[0][0], native[0][0]) > 1;
process.exit(holds ? 0 : 1);
JS
node web.mjs

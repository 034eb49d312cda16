#!/usr/bin/env bash
# One would guess: a RandomNormalLike without a seed ("one is generated", says its specification) draws fresh noise in
#   each session.
# What happens: all sessions of a page, or of a process, begin at one seed, made once, plus the node's index: two sessions of
#   a model, or of two models whose noise node has the same index, draw the same numbers. Only later runs differ.
# Versions: onnxruntime 1.30.0, onnxruntime-web 1.30.0.
# Who meets it: models that draw inside (VAE encoders that sample, decoders that add noise) in two sessions side by side, as
#   in a pool of sessions or a comparison; or opened anew for each picture.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site onnx==1.23.2 onnxruntime==1.30.0 numpy==2.4.6
npm install --silent --ignore-scripts --no-package-lock --prefix . onnxruntime-web@1.30.0

PYTHONPATH=site python3 - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])


def save(name, *after):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["noise"]), *after]
    graph = helper.make_graph(nodes, "g", [value("x")], [value(node.output[0]) for node in nodes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), name)


save("one.onnx")
save("other.onnx", helper.make_node("Exp", ["x"], ["exp"]))


def draw(session):
    return session.run(["noise"], {"x": np.zeros(4096, np.float32)})[0]


def opened(name):
    return onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])


print("onnxruntime", onnxruntime.__version__)
session = opened("one.onnx")
first, second = draw(session), draw(session)
again, other = draw(opened("one.onnx")), draw(opened("other.onnx"))
print("the second run draws the same:", np.array_equal(first, second))
print("a second session draws the same:", np.array_equal(first, again), "; another model's does:", np.array_equal(first, other))
holds = not np.array_equal(first, second) and np.array_equal(first, again) and np.array_equal(first, other)
sys.exit(0 if holds else 1)
PYTHON

cat > web.mjs <<'JS'
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;
const x = new ort.Tensor("float32", new Float32Array(4096), [4096]);
const opened = (name) => ort.InferenceSession.create(readFileSync(name));
const draw = async (session) => (await session.run({ x }, ["noise"])).noise.data.join();
const session = await opened("one.onnx");
const [first, second] = [await draw(session), await draw(session)];
const [again, other] = [await draw(await opened("one.onnx")), await draw(await opened("other.onnx"))];
console.log("onnxruntime-web", ort.env.versions.web);
console.log("the second run draws the same:", first === second);
console.log("a second session draws the same:", first === again, "; another model's does:", first === other);
process.exit(first !== second && first === again && first === other ? 0 : 1);
JS
node web.mjs

#!/usr/bin/env bash
# One would guess: quantize_dynamic of a float16 model works, or says that it cannot.
# What happens: it finishes, and the file is half as large as one would hope; but it feeds float16 activations to
#   DynamicQuantizeLinear, which takes float32 alone, so no session loads it, natively or on the web. The same model in
#   float32 is quantized and runs. The order is: quantize first, then what remains to float16.
# Versions: onnxruntime 1.30.0, onnxruntime-web 1.30.0, onnx 1.23.2.
# Who meets it: who takes a published float16 export, the only one there often is, and shrinks it for the web.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site onnx==1.23.2 onnxruntime==1.30.0 sympy==1.14.0 numpy==2.4.6
npm install --silent --ignore-scripts --no-package-lock --prefix . onnxruntime-web@1.30.0

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
loads = {}
for dtype in (np.float32, np.float16):
    name, kind = np.dtype(dtype).name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    value = lambda n: helper.make_tensor_value_info(n, kind, ["n", 256])
    weight = (np.random.default_rng(0).standard_normal((256, 256)) / 16).astype(dtype)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "product")
    graph = helper.make_graph([node], "g", [value("x")], [value("y")], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, f"{name}.onnx")
    onnxruntime.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"])
    quantize_dynamic(f"{name}.onnx", f"{name}-int8.onnx", weight_type=QuantType.QUInt8)
    try:
        onnxruntime.InferenceSession(f"{name}-int8.onnx", providers=["CPUExecutionProvider"])
        loads[name] = "loads"
    except Exception as error:
        loads[name] = str(error)
    print(f"{name}: {os.path.getsize(f'{name}.onnx')} bytes, quantized {os.path.getsize(f'{name}-int8.onnx')}:", loads[name])
sys.exit(0 if loads["float32"] == "loads" and "DynamicQuantizeLinear" in loads["float16"] else 1)
PYTHON

cat > web.mjs <<'JS'
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";
const loads = (name) =>
  ort.InferenceSession.create(readFileSync(`${name}-int8.onnx`)).then(
    () => "loads",
    ({ message }) => message,
  );
const [single, half] = [await loads("float32"), await loads("float16")];
console.log("onnxruntime-web", ort.env.versions.web, "\nfloat32:", single, "\nfloat16:", half);
process.exit(single === "loads" && half.includes("DynamicQuantizeLinear") ? 0 : 1);
JS
node web.mjs

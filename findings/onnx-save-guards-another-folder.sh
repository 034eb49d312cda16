#!/usr/bin/env bash
# One would guess: onnx.save(model, "unet/model.onnx", save_as_external_data=True, location="weights.data") never adds to
#   weights that are there: "FileExistsError: if a file already exists in location", where location "is relative to the
#   model path". And without location, the file "will use the model name".
# What happens: the check looks for the location in the process's own folder, not the model's. So a second save into unet/
#   is let through, and is appended: the data file grows by the whole model each time, and the graph points to its end, so
#   all works and the old weights are shipped along. And a first save into an empty folder is refused, where the process
#   happens to stand beside a file of that name. Without location, the name is a fresh random one at each save.
# Versions: onnx 1.23.2. onnx_ir's save, which torch's exporter uses, writes the file anew.
# Who meets it: export scripts that are run again: a 1.7 GB Unet becomes a download of 3.4 GB.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site onnx==1.23.2 onnx-ir==1.1.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON'
import os
import sys

import numpy as np
import onnx
import onnx_ir
from onnx import TensorProto, helper, numpy_helper

value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 500])


def model(number):
    weight = numpy_helper.from_array(np.full((500, 500), number, np.float32), "weight")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "weight"], ["y"])], "g", [value("x")], [value("y")], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def save(folder, number, location="weights.data"):
    os.makedirs(folder, exist_ok=True)
    try:
        onnx.save(model(number), f"{folder}/model.onnx", save_as_external_data=True, location=location)
    except FileExistsError:
        return "refused"
    return sorted(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder) if name.endswith(".data"))


print("onnx", onnx.__version__, "onnx_ir", onnx_ir.__version__)
here = [save(".", 1), save(".", 2)]
os.remove("weights.data")
there = [save("unet", number) for number in (1, 2, 3)]
read = numpy_helper.to_array(onnx.load("unet/model.onnx").graph.initializer[0]).max()
open("weights.data", "wb").close()
fresh = save("fresh", 1)
unnamed = [save("unnamed", number, None) for number in (1, 2)]
again = []
for number in (1, 2):
    os.makedirs("ir", exist_ok=True)
    onnx_ir.save(onnx_ir.from_proto(model(number)), "ir/model.onnx", external_data="weights.data")
    again.append(os.path.getsize("ir/weights.data"))

print("a million bytes of weights, saved twice into the process's folder:", *here)
print("three times into unet/:", *there, "; the weights read back are the last saved:", read == 3)
print("once into an empty folder, from beside a file of that name:", fresh)
print("twice without a location:", *unnamed)
print("twice by onnx_ir:", *again)
one = 1_000_000
holds = here == [[one], "refused"] and there == [[one], [2 * one], [3 * one]] and read == 3 and fresh == "refused"
sys.exit(0 if holds and unnamed == [[one], [one, one]] and again == [one, one] else 1)
PYTHON

#!/usr/bin/env bash
# One would guess: torch's interpolate(mode="nearest", size=…), exported as Resize with "asymmetric" and "floor", picks the
#   same pixels in ONNX Runtime: it is a matter of whole indices.
# What happens: where a source index is a whole number, ONNX Runtime's is often one less: it divides by the rounded ratio of
#   sizes, PyTorch multiplies by its inverse. From 112 to 64 pixels 9 of 64 rows come from the neighbour. Doubling and
#   halving agree.
# Versions: torch 2.13.0, onnxscript 0.7.2, onnxruntime 1.30.0.
# Who meets it: masks for inpainting that are brought to the latent's size inside the graph (896 to 512 is that ratio), and
#   Unets whose skips have sizes that are not a half of each other.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -qq --no-compile --target site torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.30.0 numpy==2.4.6

PYTHONPATH=site python3 - <<'PYTHON' 2> errors || { cat errors >&2; exit 1; }
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

warnings.simplefilter("ignore")


class Resize(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return torch.nn.functional.interpolate(x, size=(self.size, 1), mode="nearest")


print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
holds = True
for source, target, wrong in [(112, 64, 9), (14, 8, 1), (60, 72, 5), (64, 128, 0), (65, 129, 0), (64, 32, 0)]:
    rows = torch.arange(source, dtype=torch.float32).reshape(1, 1, source, 1)
    module = Resize(target).eval()
    torch.onnx.export(module, (rows,), "model.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: rows.numpy()})[0].flatten()
    ours = module(rows).numpy().flatten()
    exact = np.arange(target) * source // target
    differ = np.flatnonzero(theirs != ours)
    resize = next(node for node in onnx.load("model.onnx").graph.node if node.op_type == "Resize")
    modes = [a.s.decode() for a in resize.attribute if a.name in ("coordinate_transformation_mode", "nearest_mode")]
    print(f"{source} to {target} by {modes}: {len(differ)} rows differ;",
          f"right: PyTorch {np.sum(ours == exact)}, ONNX Runtime {np.sum(theirs == exact)} of {target}")
    holds &= len(differ) == wrong and set(modes) == {"asymmetric", "floor"}
sys.exit(0 if holds else 1)
PYTHON

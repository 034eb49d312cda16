#!/usr/bin/env bash
# One would guess: torch.onnx.export exports for inference, whatever mode a module is in: so it did for years.
# What happens: the exporter by TorchScript (dynamo=False) still puts the module into eval mode for the export. The one by
#   dynamo, now the default, takes the mode it finds: a module fresh from its constructor or from training keeps a Dropout
#   with training_mode = true, and the file draws other zeros at each run, in ONNX Runtime and on the web.
# Versions: torch 2.13.0, onnxscript 0.7.2, onnxruntime 1.30.0.
# Who meets it: who exports at the end of a training script, or a Unet or text encoder built from its config (from_pretrained
#   alone calls eval()), or a LoRA with lora_dropout; and moves from one exporter to the other.
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
print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
found = {}
for dynamo in (True, False):
    for training in (True, False):
        module = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Dropout(0.5)).train(training)
        torch.onnx.export(module, (torch.ones(2, 64),), "model.onnx", dynamo=dynamo, verbose=False)
        session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
        feeds = {session.get_inputs()[0].name: np.ones((2, 64), np.float32)}
        one, two = session.run(None, feeds)[0], session.run(None, feeds)[0]
        operators = [node.op_type for node in onnx.load("model.onnx").graph.node]
        exporter, mode = "dynamo" if dynamo else "TorchScript", "training" if training else "eval"
        found[exporter, mode] = not np.array_equal(one, two)
        print(f"{exporter}, module in {mode} mode: {operators}; {np.mean(one == 0):.0%} zeros; two runs differ:",
              found[exporter, mode])
expected = {(e, m): (e, m) == ("dynamo", "training") for e, m in found}
sys.exit(0 if found == expected else 1)
PYTHON

"""Reads an exported folder back into PyTorch, so that training and evaluation can start from what is shipped.

    python shipped.py --model scenes --out runs/scenes-shipped

writes what ``networks.save_networks`` writes, in float32. Only TorchScript exports of this repository's own
kinds of networks: their initialisers keep the names of PyTorch's parameters, except where the exporter folded
a transposition or a reshape into them; those are found by the node that reads them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

#: How a folded parameter lies in the file, by the operator that reads it: its last name, and the way back.
FOLDED = {
    "MatMul": ("weight", lambda value: value.T),
    "Mul": ("weight", lambda value: value.reshape(-1)),
    "Add": ("bias", lambda value: value.reshape(-1)),
}


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Every floating-point initialiser that is a parameter, by PyTorch's name, in float32."""
    graph = onnx.load(path).graph
    readers = {name: node for node in graph.node for name in node.input}
    weights = {}
    for tensor in graph.initializer:
        value, name = onnx.numpy_helper.to_array(tensor), tensor.name
        if not np.issubdtype(value.dtype, np.floating) or name.startswith("/"):
            continue
        if name.startswith("onnx::"):
            node = readers[name]
            last, restore = FOLDED[node.op_type]
            module = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".")
            name, value = f"{module}.{last}", restore(value)
        weights[name] = torch.from_numpy(value.astype(np.float32))
    return weights


def fill(module: nn.Module, path: Path) -> nn.Module:
    """The module with the weights of the ONNX file; an error names what is missing or left over."""
    weights = read_weights(path)
    state = module.state_dict()
    # A module's path ends in its class's attribute; a text encoder's may begin with the model's own name.
    known = {re.sub(r"^text_model\.", "", key): key for key in state if not key.endswith("position_ids")}
    found = {re.sub(r"^text_model\.", "", key): value for key, value in weights.items()}
    missing, unknown = sorted(set(known) - set(found)), sorted(set(found) - set(known))
    if missing or unknown:
        raise ValueError(f"Cannot read {path} as {type(module).__name__}: it lacks {missing}, and has {unknown} besides")
    module.load_state_dict({known[key]: value for key, value in found.items()}, strict=False)
    return module.eval()


def load_shipped(folder: Path) -> tuple[nn.Module, nn.Module | None, dict[str, int]]:
    """Unet, text encoder or None, vocabulary ({} without text) of an exported folder; eval mode, float32."""
    config = json.loads((folder / "unet" / "config.json").read_text())
    unet_class = {"UNet2DModel": UNet2DModel, "UNet2DConditionModel": UNet2DConditionModel}[config["_class_name"]]
    unet = fill(unet_class.from_config(config), folder / "unet" / "model.onnx")
    if not (folder / "text_encoder").exists():
        return unet, None, {}
    text_config = CLIPTextConfig(**json.loads((folder / "text_encoder" / "config.json").read_text()))
    text = fill(CLIPTextModel(text_config), folder / "text_encoder" / "model.onnx")
    vocabulary = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    return unet, text, vocabulary


def unpack(folder: Path, out: Path) -> None:
    """Writes the exported folder's networks, vocabulary and scheduler config as a training run leaves them."""
    unet, text, vocabulary = load_shipped(folder)
    out.mkdir(parents=True, exist_ok=True)
    unet.save_pretrained(out / "unet")
    if text is not None:
        text.save_pretrained(out / "text_encoder")
        (out / "vocab.json").write_text(json.dumps(vocabulary, indent=1))
    shutil.copy(folder / "scheduler" / "scheduler_config.json", out / "scheduler_config.json")
    record = folder / "training.json"
    (out / "training.json").write_text(record.read_text() if record.exists() else json.dumps({"shipped": folder.name}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("scenes"))
    parser.add_argument("--out", type=Path, default=Path("runs/scenes-shipped"))
    o = parser.parse_args()
    unpack(o.model, o.out)

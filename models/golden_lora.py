"""Makes LoRA files in the names of three tools, and the runs of diffusers with them merged.

    pip install -r requirements.txt peft==0.21.2
    python golden_lora.py

Into packages/runtime/test/golden-lora/ go safetensors files of random matrices whose ranks and alphas differ by layer,
and for each case a JSON file of `options` as `generate` takes them, with the sample that diffusers makes after
`load_lora_weights` and `fuse_lora`, as NPY. Text encoders are merged by hand, see below.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import export
import fixtures
from golden_pipelines import Case, make_pipeline

OUT = fixtures.HERE.parent / "packages" / "runtime" / "test" / "golden-lora"
PROMPT = "a red boat on the sea"
OPTIONS = dict(prompt=PROMPT, numInferenceSteps=5, guidanceScale=3.0, seed=4)
LINEAR = ("to_q", "to_k", "to_v", "to_out.0", "net.0.proj", "net.2", "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
CONVOLUTIONS = ("conv1", "conv2", "proj_in", "proj_out", "downsamplers.0.conv", "upsamplers.0.conv", "conv_shortcut")


def layers(module: torch.nn.Module, names: tuple[str, ...]) -> dict[str, torch.nn.Module]:
    """The layers whose names end so."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return {
        path: layer
        for path, layer in module.named_modules()
        if isinstance(layer, kinds) and path.endswith(tuple(f".{name}" for name in names))
    }


def matrices(layer: torch.nn.Module, rank: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Down and up, of a size that changes the layer by a fifth or so."""
    out, inner, *kernel = layer.weight.shape
    down = torch.randn([rank, inner, *kernel], generator=generator) / (inner * max(1, int(np.prod(kernel)))) ** 0.5
    up = 0.3 * torch.randn([out, rank, *([1] * len(kernel))], generator=generator) / rank**0.5
    return down, up


def kohya(parts: dict, names: tuple[str, ...], seed: int, alpha: float | None = None) -> dict[str, torch.Tensor]:
    """kohya's sd-scripts: one name of underscores for a layer, an alpha beside it, by default another for each."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for prefix, module in parts.items():
        for i, (path, layer) in enumerate(layers(module, names).items()):
            rank = 1 + i % 3
            down, up = matrices(layer, rank, generator)
            inside = "text_model." if prefix.startswith("lora_te") else ""
            name = f"{prefix}_{inside}{path}".replace(".", "_")
            found[f"{name}.lora_down.weight"], found[f"{name}.lora_up.weight"] = down, up
            found[f"{name}.alpha"] = torch.tensor(float(0.5 + i % 4) if alpha is None else alpha)
    return found


def dotted(parts: dict[str, torch.nn.Module], names: tuple[str, ...], seed: int, ends: tuple[str, str]) -> dict:
    """diffusers' and PEFT's: module paths, no alphas."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for prefix, module in parts.items():
        for i, (path, layer) in enumerate(layers(module, names).items()):
            for end, matrix in zip(ends, matrices(layer, 1 + i % 2, generator)):
                found[f"{prefix}.{path}.{end}.weight"] = matrix
    return found


def files(parts) -> dict[str, dict[str, torch.Tensor]]:
    """Every file by its name, of the first model or of the one that it is named after."""
    unet, text = parts.unet, parts.text_encoder
    peft = {"unet": unet, "text_encoder": text}
    return {
        "kohya": kohya({"lora_unet": unet, "lora_te": text}, LINEAR, 1),
        "kohya-conv": kohya({"lora_unet": unet}, CONVOLUTIONS + LINEAR, 2, alpha=1.5),
        "peft": dotted(peft, LINEAR, 3, ("lora_A", "lora_B")),
        "diffusers": dotted({"unet": unet}, LINEAR, 4, ("lora.down", "lora.up")),
    }


CASES = {
    "kohya": ("tiny-sd-ts", [("kohya", 1.0)]),
    "kohya-conv": ("tiny-sd-ts", [("kohya-conv", 0.7)]),
    "peft": ("tiny-sd-ts", [("peft", 1.0)]),
    "diffusers": ("tiny-sd-ts", [("diffusers", -0.5)]),
    "several": ("tiny-sd-ts", [("kohya", 0.6), ("peft", 0.9)]),
    "dynamo-half": ("tiny-sd-dynamo", [("kohya", 0.8)]),
}


def fold_alphas(tensors: dict[str, torch.Tensor]) -> None:
    """Alphas that differ go into the matrices: diffusers 0.42.1 loses those of attentions, and warns that it does."""
    alphas = [key for key in tensors if key.endswith(".alpha")]
    if len({float(tensors[key]) for key in alphas}) < 2:
        return
    for key in alphas:
        rank = tensors[key.replace("alpha", "lora_down.weight")].shape[0]
        up = key.replace("alpha", "lora_up.weight")
        tensors[up] = tensors[up] * (float(tensors.pop(key)) / rank)


def merge_text(encoder: torch.nn.Module, tensors: dict[str, torch.Tensor], scale: float) -> None:
    """By hand: diffusers 0.42.1 finds none of a text encoder's layers as transformers 5.23 calls them."""
    for path, layer in layers(encoder, LINEAR).items():
        for key, down in tensors.items():
            flat = key.replace(".", "_")
            if f"{path.replace('.', '_')}_lora_" not in flat or not ("lora_down" in key or "lora_A" in key):
                continue
            up = tensors[key.replace("lora_down", "lora_up").replace("lora_A", "lora_B")]
            alpha = tensors.get(key.replace("lora_down.weight", "alpha"), torch.tensor(float(down.shape[0])))
            alpha = alpha if alpha.dim() == 0 else torch.tensor(float(down.shape[0]))
            layer.weight.data += scale * float(alpha) / down.shape[0] * (up @ down)


@torch.no_grad()
def run(model: str, used: list[tuple[str, float]]) -> np.ndarray:
    """diffusers' sample with the files merged."""
    parts = fixtures.build(model)
    pipeline = make_pipeline(parts, Case(model, {}))
    pipeline.set_progress_bar_config(disable=True)
    for name, scale in used:
        tensors = load_file(OUT / f"{name}.safetensors")
        texts = {key: tensor for key, tensor in tensors.items() if key.startswith(("lora_te", "text_encoder"))}
        merge_text(parts.text_encoder, texts, scale)
        unet = {key: tensor for key, tensor in tensors.items() if key not in texts}
        fold_alphas(unet)
        pipeline.load_lora_weights(unet, adapter_name=name.replace("-", "_"))
    names = [name.replace("-", "_") for name, _ in used]
    if used:
        pipeline.set_adapters(names, [scale for _, scale in used])
        pipeline.fuse_lora(adapter_names=names)
    generator = torch.Generator().manual_seed(OPTIONS["seed"])
    made = pipeline(
        PROMPT,
        num_inference_steps=OPTIONS["numInferenceSteps"],
        guidance_scale=OPTIONS["guidanceScale"],
        generator=generator,
        output_type="latent",
    )
    return made.images.numpy()


def main() -> None:
    """Makes all files and cases."""
    OUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name, tensors in files(fixtures.build("tiny-sd-ts")).items():
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, OUT / f"{name}.safetensors")
    plain = {}
    for name, (model, used) in CASES.items():
        plain[model] = plain[model] if model in plain else run(model, [])
        sample = run(model, used)
        moved = float(np.abs(sample - plain[model]).max() / plain[model].std())
        np.save(OUT / f"{name}.npy", np.ascontiguousarray(sample.astype("<f4")))
        loras = [{"file": f"{file}.safetensors", "scale": scale} for file, scale in used]
        export.write_json(OUT / f"{name}.json", {"model": model, "options": OPTIONS, "loras": loras, "sample": f"{name}.npy"})
        print(f"{name}: moves the sample by {moved:.2f} of its deviation", flush=True)


if __name__ == "__main__":
    main()

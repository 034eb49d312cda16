"""Compares an exported folder with the PyTorch model that it was made from, in float32.

    python check_export.py --source DIR --model scenes

A float16 file is checked as what it holds: PyTorch gets the weights rounded to float16, the graph is
widened to float32, and the outputs must agree to 1e-4 of their standard deviation. Where the source
has a `check.safetensors`, its recorded values are compared too: the PyTorch model in float32 must
give them, and how far the rounded weights go from them is printed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from export import load_text_encoder, load_unet, load_vae, unet_forward, unet_inputs

TOLERANCE = 1e-4  # of the standard deviation of PyTorch's output
HALF, SINGLE = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT


@dataclass
class Settings:
    """What to compare."""

    source: Path = Path("checkpoint")
    model: Path = Path("scenes")
    batch: int = 2


def widen(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float32: initialisers, constants, casts and declared types that were float16."""
    for tensor in model.graph.initializer:
        widen_tensor(tensor)
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == HALF:
            value.type.tensor_type.elem_type = SINGLE
    for nodes in [model.graph.node, *(f.node for f in model.functions)]:
        for node in nodes:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    widen_tensor(attribute.t)
                elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == HALF:
                    attribute.i = SINGLE
    return model


def widen_tensor(tensor: onnx.TensorProto) -> None:
    """float16 to float32, in place."""
    if tensor.data_type == HALF:
        values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def open_widened(path: Path) -> onnxruntime.InferenceSession:
    """A session on the widened graph; external data is read first."""
    return onnxruntime.InferenceSession(widen(onnx.load(path)).SerializeToString())


def is_half(path: Path) -> bool:
    """Whether the file holds float16 weights."""
    return any(t.data_type == HALF for t in onnx.load(path, load_external_data=False).graph.initializer)


def distance(got: np.ndarray, want: torch.Tensor) -> float:
    """Largest difference over the standard deviation of what is wanted."""
    expected = want.detach().numpy()
    return float(np.abs(got - expected).max() / expected.std())


def rounded(module: torch.nn.Module, path: Path) -> torch.nn.Module:
    """The module with the weights that the file holds, computing in float32."""
    return module.half().float() if is_half(path) else module


def check_unet(unet, folder: Path, batch: int, sequence: int) -> float:
    """The largest distance over three timesteps."""
    path = folder / "unet" / "model.onnx"
    unet, session = rounded(unet, path), open_widened(path)
    declared = {i.name: i for i in session.get_inputs()}
    is_float = "int" not in declared["timestep"].type
    rank = len(declared["timestep"].shape)
    worst = 0.0
    for t in (999, 500, 3):
        timestep = torch.full((1,) * rank, float(t) if is_float else t)
        inputs = [(v.name, x) for v, x in unet_inputs(unet, batch, sequence, timestep, {})]
        with torch.no_grad():
            want = unet_forward([name for name, _ in inputs])(unet.forward, *(x for _, x in inputs))
        got = session.run(["out_sample"], {name: x.numpy() for name, x in inputs})[0]
        worst = max(worst, distance(got, want))
    return worst


def check_text_encoder(encoder, folder: Path, batch: int) -> float:
    """The distance on random tokens."""
    path = folder / "text_encoder" / "model.onnx"
    encoder, session = rounded(encoder, path), open_widened(path)
    config = encoder.config
    tokens = torch.randint(3, config.vocab_size, (batch, config.max_position_embeddings))
    if "int32" in session.get_inputs()[0].type:
        tokens = tokens.int()
    with torch.no_grad():
        want = encoder(tokens).last_hidden_state
    return distance(session.run(["last_hidden_state"], {"input_ids": tokens.numpy()})[0], want)


def check_vae(vae, folder: Path, batch: int, size: int) -> float:
    """The larger distance of a random latent's pixels, and where there is an encoder of random pixels' moments."""
    path = folder / "vae_decoder" / "model.onnx"
    vae, session = rounded(vae, path), open_widened(path)
    latent = torch.randn(batch, vae.config.latent_channels, size, size)
    with torch.no_grad():
        want = vae.decode(latent).sample
        pixels = torch.rand(want.shape) * 2 - 1
        moments = vae.encode(pixels).latent_dist.parameters
    decoded = distance(session.run(None, {"latent_sample": latent.numpy()})[0], want)
    path = folder / "vae_encoder" / "model.onnx"
    if not path.exists():
        return decoded
    return max(decoded, distance(open_widened(path).run(None, {"sample": pixels.numpy()})[0], moments))


def check_recorded(source: Path, unet, encoder) -> dict[str, float]:
    """Distances from the values in `check.safetensors`: text, one call at t = 500, a DDIM run."""
    from diffusers import DDIMScheduler
    from safetensors.torch import load_file

    record = load_file(source / "check.safetensors")
    with torch.no_grad():
        hidden = encoder(record["tokens"]).last_hidden_state
        uncond = encoder(record["uncond_tokens"]).last_hidden_state
        output = unet(record["noise"], 500, hidden).sample
        scheduler = DDIMScheduler.from_config(DDIMScheduler.load_config(source / "scheduler_config.json"))
        scheduler.set_timesteps(30)
        sample = record["noise"]
        for t in scheduler.timesteps:
            pair = unet(torch.cat([sample, sample]), t, torch.cat([uncond, hidden])).sample
            without, given = pair.chunk(2)
            sample = scheduler.step(without + 3 * (given - without), t, sample).prev_sample
    found = {"hidden": hidden, "uncond_hidden": uncond, "model_output": output, "sample": sample}
    return {name: distance(value.numpy(), record[name]) for name, value in found.items()}


def main(settings: Settings) -> dict[str, float]:
    """Prints every distance; leaves with an error if one is above its tolerance."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    source, folder = settings.source, settings.model
    unet, encoder, vae = load_unet(source), load_text_encoder(source), load_vae(source)
    found = {}
    recorded = (source / "check.safetensors").exists()
    if recorded:
        for name, value in check_recorded(source, unet, encoder).items():
            found[f"recorded {name}, float32 weights"] = value
    sequence = encoder.config.max_position_embeddings if encoder else 1
    found["unet, ONNX against PyTorch"] = check_unet(unet, folder, settings.batch, sequence)
    if encoder is not None:
        found["text encoder, ONNX against PyTorch"] = check_text_encoder(encoder, folder, settings.batch)
    if vae is not None:
        size = unet.config.sample_size
        found["VAE decoder, ONNX against PyTorch"] = check_vae(vae, folder, settings.batch, size)
    failed = [name for name, value in found.items() if value > TOLERANCE]
    for name, value in found.items():
        print(f"{name}: {value:.1e} of std" + (" TOO FAR" if name in failed else ""))
    if recorded and is_half(folder / "unet" / "model.onnx"):
        for name, value in check_recorded(source, unet, encoder).items():
            print(f"recorded {name}, weights rounded to float16: {value:.1e} of std (no bar)")
    if failed:
        raise SystemExit(1)
    return found


def parse() -> Settings:
    """Settings from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = {"source": Path, "model": Path, "batch": int}
    for field in fields(Settings):
        parser.add_argument(f"--{field.name}", type=kinds[field.name], default=field.default)
    return Settings(**vars(parser.parse_args()))


if __name__ == "__main__":
    main(parse())

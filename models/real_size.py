"""Makes model folders of real size with random weights: what a visitor's machine has to bear, without anybody's model.

    python real_size.py sd15 --out /tmp/sd15        Stable Diffusion 1.5's Unet: 859.5 M parameters, 1.72 GB
    python real_size.py sdxl --out /tmp/sdxl        SDXL's: 2.57 G parameters, 5.1 GB
    python real_size.py mid --out /tmp/mid          the same shape at a sixth of the size, for quick work
    python real_size.py sd15 --bits 4 --out …       its matrices as MatMulNBits

float16, dynamic sizes, traced by the TorchScript exporter, weights in one file beside the graph: as Optimum writes
them. Text encoders have their real width and two layers, the VAE a quarter of its channels: they are there so that a
folder draws. `DONE` is written last.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx.external_data_helper import set_external_data

import export
from clip_tokenizer import write_clip_tokenizer
from fixtures import CLIP_TEXT, PIPELINES, SCHEDULERS, clip_vocab, randomise
from half_scalars import repair_half_scalars
from onnx_export import OPSET, OnnxOptions, Value, quiet, raw_bytes

DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
LENGTH = 77  # tokens, as CLIP has them
TRACED = 8  # height and width of the latents that are traced: the file takes any

FOUR_STAGES = dict(
    block_out_channels=(320, 640, 1280, 1280),
    down_block_types=(CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN),
    up_block_types=(UP, CROSS_UP, CROSS_UP, CROSS_UP),
    attention_head_dim=8,
    cross_attention_dim=768,
)


@dataclass(frozen=True)
class Size:
    """One folder: the Unet as its config has it, and how wide its text encoders are."""

    kind: str  # sd or sdxl
    unet: dict
    text_widths: tuple[int, ...]
    scheduler: str = "pndm"


SIZES = {
    "sd15": Size("sd", FOUR_STAGES, (768,)),
    "mid": Size("sd", {**FOUR_STAGES, "block_out_channels": (128, 256, 512, 512)}, (768,)),
    "sdxl": Size(
        "sdxl",
        dict(
            block_out_channels=(320, 640, 1280),
            down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN),
            up_block_types=(CROSS_UP, CROSS_UP, UP),
            transformer_layers_per_block=[1, 2, 10],
            attention_head_dim=[5, 10, 20],
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=1280 + 6 * 256,
        ),
        (768, 1280),
        scheduler="euler",
    ),
}


def build_unet(size: Size) -> torch.nn.Module:
    """The Unet, float16."""
    from diffusers import UNet2DConditionModel

    config = dict(sample_size=64, layers_per_block=2, mid_block_type="UNetMidBlock2DCrossAttn", **size.unet)
    unet = UNet2DConditionModel(**config).eval().half()
    randomise(unet, torch.Generator().manual_seed(0), plain_biases=False)
    return unet


def write_unet(unet: torch.nn.Module, folder: Path) -> None:
    """Writes `unet/model.onnx`, `unet/model.onnx_data` and `unet/config.json`; no weight is copied but into the file."""
    path = folder / "unet" / "model.onnx"
    path.parent.mkdir(parents=True)
    config = export.plain_config(unet.config)
    unet.register_to_config(sample_size=TRACED)
    axes = {0: export.BATCH, 2: "height", 3: "width"}
    inputs = export.unet_inputs(unet, 2, LENGTH, torch.tensor([500]), axes)
    names = [value.name for value, _ in inputs]
    output = Value("out_sample", axes)
    with tempfile.TemporaryDirectory(dir=folder) as traced, quiet(), torch.no_grad():
        file = Path(traced) / "model.onnx"
        with export.forward_as(unet, export.unet_forward(names)):
            torch.onnx.export(
                unet,
                tuple(tensor for _, tensor in inputs),
                file,
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=[output.name],
                dynamic_axes={v.name: v.axes for v in [*(i for i, _ in inputs), output] if v.axes},
            )
        gather_weights(file, path, {name for name, _ in unet.named_parameters()})
    export.write_json(path.parent / "config.json", config)


def gather_weights(traced: Path, path: Path, parameters: set[str]) -> None:
    """Writes a traced file with its weights in one file beside it, wherever the exporter put them."""
    model = onnx.load(traced, load_external_data=False)
    repair_half_scalars(model, parameters)
    location, offset = path.name + "_data", 0
    with open(path.parent / location, "wb") as file:
        for tensor in model.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                onnx.external_data_helper.load_external_data_for_tensor(tensor, str(traced.parent))
                tensor.data_location = onnx.TensorProto.DEFAULT
                del tensor.external_data[:]
            data = raw_bytes(tensor)
            if len(data) <= 1024:
                continue
            padding = -offset % 64
            file.write(b"\0" * padding + data)
            set_external_data(tensor, location, offset + padding, len(data))
            tensor.ClearField("raw_data")
            offset += padding + len(data)
    path.write_bytes(model.SerializeToString(deterministic=True))


def quantise(path: Path, bits: int) -> None:
    """Puts MatMulNBits in the place of every matrix product with a weight."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    location = path.parent / (path.name + "_data")
    quantizer = MatMulNBitsQuantizer(onnx.load(path), bits=bits, block_size=32, is_symmetric=True)
    quantizer.process()
    path.unlink()
    location.unlink()
    onnx.save_model(
        quantizer.model.model, path, save_as_external_data=True, location=location.name, size_threshold=1024
    )


def write_rest(size: Size, folder: Path) -> None:
    """Writes text encoders, tokenizers, the VAE's decoder, the scheduler and the index."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    generator = torch.Generator().manual_seed(1)
    index = {"unet": ("diffusers", "UNet2DConditionModel"), "vae": ("diffusers", "AutoencoderKL")}
    vocab = clip_vocab()
    for number, width in enumerate(size.text_widths):
        suffix = f"_{number + 1}" if number else ""
        config = CLIPTextConfig(
            vocab_size=vocab,
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=width // 64,
            max_position_embeddings=LENGTH,
            pad_token_id=vocab - 1,
            bos_token_id=vocab - 2,
            eos_token_id=vocab - 1,
        )
        encoder = (CLIPTextModelWithProjection if number else CLIPTextModel)(config).eval()
        randomise(encoder, generator, plain_biases=False)
        name = f"text_encoder{suffix}"
        export.export_text_encoder(
            encoder.half(),
            folder,
            OnnxOptions(),
            name=name,
            length=LENGTH,
            ids=torch.int32,
            hidden_states=size.kind == "sdxl",
        )
        write_clip_tokenizer(folder / f"tokenizer{suffix}", CLIP_TEXT, 60, LENGTH)
        index[name] = ("transformers", type(encoder).__name__)
        index[f"tokenizer{suffix}"] = ("transformers", "CLIPTokenizer")
    vae = AutoencoderKL(
        block_out_channels=(32, 64, 128, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
        scaling_factor=0.18215,
    ).eval()
    randomise(vae, generator, plain_biases=False)
    export.export_vae_decoder(vae.half(), folder, OnnxOptions(), size=TRACED)
    scheduler = SCHEDULERS[size.scheduler]
    index["scheduler"] = ("diffusers", scheduler["_class_name"])
    export.write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    export.write_model_index(folder, PIPELINES[size.kind], index)


def main() -> None:
    """Writes the folder that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bits", type=int, choices=(4, 8), help="quantise matrices to MatMulNBits. default: float16")
    settings = parser.parse_args()
    size, folder = SIZES[settings.size], settings.out
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    unet = build_unet(size)
    count = sum(parameter.numel() for parameter in unet.parameters())
    write_unet(unet, folder)
    del unet
    if settings.bits:
        quantise(folder / "unet" / "model.onnx", settings.bits)
    write_rest(size, folder)
    (folder / "DONE").touch()
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder}: {count / 1e6:.1f} M parameters in the Unet, {total / 1e9:.2f} GB")


if __name__ == "__main__":
    main()

"""Makes `tiny-*`: model folders with random weights, under 300 kB each, for tests.

    python fixtures.py            all of them
    python fixtures.py tiny-sd    those whose name begins so
    python fixtures.py --check    makes them elsewhere and compares with the folders here

Together they cover both exporters, float32 and float16, weights inside and beside the file (also
under another name), static and dynamic sizes, a wrapper's prefix, shared initialisers behind
Identity, and the timestep as int64 [1], int64 scalar and float scalar. The recipe of each is one
entry of FIXTURES; the modules come from `build(name)`, which `golden.py` runs in PyTorch.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import torch

import export
from clip_tokenizer import write_clip_tokenizer
from onnx_export import OnnxOptions
from word_tokenizer import write_word_tokenizer

HERE = Path(__file__).parent
WORDS = "a an and at bird blue boat cat dog green house in moon night on red sea sun the tree".split()
LENGTH = 12  # tokens

DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
ONE_STAGE = dict(
    layers_per_block=1,
    down_block_types=(DOWN, CROSS_DOWN, DOWN),
    up_block_types=(UP, CROSS_UP, UP),
    mid_block_type="UNetMidBlock2DCrossAttn",
)
TWO_LAYERS = dict(
    layers_per_block=2,
    down_block_types=(DOWN, DOWN, DOWN),
    up_block_types=(UP, UP, UP),
    mid_block_type="UNetMidBlock2DCrossAttn",
)
SMALL = dict(
    layers_per_block=1,
    block_out_channels=(4, 8),
    down_block_types=(DOWN, CROSS_DOWN),
    up_block_types=(CROSS_UP, UP),
    mid_block_type="UNetMidBlock2DCrossAttn",
)

SCHEDULERS = {
    "ddpm": {
        "_class_name": "DDPMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.0001,
        "beta_end": 0.006,  # below 0.02, for the same reason as conv_out in build()
        "beta_schedule": "linear",
        "variance_type": "fixed_small",
        "prediction_type": "epsilon",
        "clip_sample": True,
    },
    "ddim": {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": True,
        "set_alpha_to_one": True,
        "steps_offset": 0,
        "timestep_spacing": "leading",
    },
    "pndm": {
        "_class_name": "PNDMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "skip_prk_steps": True,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "clip_sample": False,
        "trained_betas": None,
    },
    "ddim-latent": {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.0001,
        "beta_end": 0.02,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": "v_prediction",
    },
    "lcm": {
        "_class_name": "LCMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "original_inference_steps": 50,
        "prediction_type": "epsilon",
        "set_alpha_to_one": True,
        "steps_offset": 0,
        "clip_sample": False,
        "timestep_scaling": 10.0,
    },
    "euler": {
        "_class_name": "EulerDiscreteScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon",
        "timestep_spacing": "leading",
        "steps_offset": 1,
        "interpolation_type": "linear",
        "use_karras_sigmas": False,
    },
}


LOW_RES_SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
}


@dataclass(frozen=True)
class Fixture:
    """One folder: which parts, of which sizes, written how."""

    kind: str  # ddpm, text, sd, lcm, sdxl or refiner; inpaint, pix2pix or upscale
    unet: dict
    options: OnnxOptions = OnnxOptions(verbatim=False)
    half: bool = False
    plain_biases: bool = False  # zero biases and unit norms: exporters then share initialisers
    timestep: torch.Tensor = field(default_factory=lambda: torch.tensor([500]))
    batch: int = 2
    axes: dict | None = None  # the dynamic axes of `sample`; None: batch, height and width
    wrapped: bool = False
    scheduler: str = "ddim"
    size: int = 16
    encodes: bool = False  # with the VAE's encoder
    controls: tuple[str, ...] = ()  # ControlNets, by the names of their folders
    seed: int = 0


TORCHSCRIPT = OnnxOptions(verbatim=False)
DYNAMO = OnnxOptions(exporter="dynamo", verbatim=False)
INT64, FLOAT = torch.tensor(500), torch.tensor(500.0)
DDPM_UNET = dict(
    block_out_channels=(4, 4, 8),
    layers_per_block=2,
    down_block_types=(DOWN, "AttnDownBlock2D", DOWN),
    up_block_types=(UP, "AttnUpBlock2D", UP),
    add_attention=False,
    attention_head_dim=4,
)

SIZES = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4}

FIXTURES = {
    "tiny-text-ts": Fixture("text", ONE_STAGE),
    "tiny-text-dynamo": Fixture(
        "text", ONE_STAGE, replace(DYNAMO, external="model.onnx.data"), timestep=FLOAT, seed=1
    ),
    "tiny-ddpm-ts": Fixture(
        "ddpm", DDPM_UNET, OnnxOptions(), timestep=INT64, scheduler="ddpm", axes={0: export.BATCH}, seed=2
    ),
    "tiny-sd-ts": Fixture(
        "sd", SMALL, replace(TORCHSCRIPT, external="weights.pb"), plain_biases=True, scheduler="pndm", seed=3,
        axes={0: export.BATCH, 1: "num_channels", 2: "height", 3: "width"},
    ),
    "tiny-sd-dynamo": Fixture(
        "sd", SMALL, replace(DYNAMO, external="weights.pb"), half=True, wrapped=True, scheduler="pndm", seed=4,
    ),
    "tiny-text-ts-f16": Fixture("text", TWO_LAYERS, TORCHSCRIPT, half=True, seed=5),
    "tiny-text-dynamo-f16": Fixture(
        "text", SMALL, replace(DYNAMO, external="unet.bin"), half=True, plain_biases=True, seed=6
    ),
    "tiny-text-ts-static": Fixture(
        "text", TWO_LAYERS, replace(TORCHSCRIPT, dynamic=False), wrapped=True, timestep=FLOAT, seed=7
    ),
    "tiny-ddpm-dynamo-static": Fixture(
        "ddpm", DDPM_UNET, replace(DYNAMO, dynamic=False), batch=1, scheduler="ddpm", plain_biases=True, seed=8
    ),
    "tiny-lcm-ts": Fixture("lcm", {**SMALL, "time_cond_proj_dim": 8}, scheduler="lcm", timestep=INT64, encodes=True, seed=9),
    "tiny-sdxl-ts": Fixture(
        "sdxl",
        {**SMALL, **SIZES, "projection_class_embeddings_input_dim": 8 + 6 * 4},
        half=True, scheduler="euler", size=8, encodes=True, seed=10,
    ),
    "tiny-refiner-ts": Fixture(
        "refiner",
        {**SMALL, **SIZES, "projection_class_embeddings_input_dim": 8 + 5 * 4},
        half=True, scheduler="euler", size=8, encodes=True, seed=16,
    ),
    "tiny-sd-image-ts": Fixture("sd", SMALL, half=True, scheduler="pndm", size=8, encodes=True, seed=11),
    "tiny-inpaint-ts": Fixture("inpaint", SMALL, half=True, scheduler="pndm", size=8, encodes=True, seed=12),
    "tiny-pix2pix-ts": Fixture("pix2pix", SMALL, half=True, scheduler="euler", size=8, encodes=True, seed=13),
    "tiny-upscale-ts": Fixture(
        "upscale", {**SMALL, "num_class_embeds": 350}, half=True, scheduler="ddim-latent", size=8, seed=14
    ),
    "tiny-control-ts": Fixture(
        "sd", SMALL, half=True, scheduler="pndm", size=8, controls=("controlnet_0", "controlnet_1"), seed=15
    ),
}  # fmt: skip


def randomise(module: torch.nn.Module, generator: torch.Generator, plain_biases: bool) -> None:
    """Weights that keep the variance; biases and norms off their start, so that none is without effect."""
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            noise *= 1.2 / parameter[0].numel() ** 0.5
        else:
            start = 0 if name.endswith("bias") else 1
            noise = start + (0 if plain_biases else 0.1) * noise
        parameter.data.copy_(noise)


def clip_encoder(vocab: int, projected: bool = False, layers: int = 1):
    """A CLIP text encoder of eight channels."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=vocab,
        hidden_size=8,
        intermediate_size=16,
        projection_dim=8,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        pad_token_id=0,
        bos_token_id=vocab - 2 if vocab > 100 else 1,
        eos_token_id=vocab - 1 if vocab > 100 else 2,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def build(name: str) -> SimpleNamespace:
    """The fixture's modules in PyTorch, float32 (of float16 values where the folder holds those)."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel, UNet2DModel

    fixture = FIXTURES[name]
    latent = fixture.kind not in ("ddpm", "text")
    channels = 4 if latent else 3
    beside = BESIDE.get(fixture.kind, 0)
    common = dict(
        sample_size=fixture.size,
        in_channels=channels + beside,
        out_channels=channels,
        norm_num_groups=2,
        **{"block_out_channels": (4, 8, 8), **fixture.unet},
    )
    generator = torch.Generator().manual_seed(fixture.seed)
    parts = SimpleNamespace(fixture=fixture, text_encoder=None, text_encoder_2=None, vae=None)
    if fixture.kind == "ddpm":
        parts.unet = UNet2DModel(**common)
    else:
        width = 16 if fixture.kind == "sdxl" else 8
        parts.unet = UNet2DConditionModel(**common, cross_attention_dim=width, attention_head_dim=2)
        if fixture.kind != "refiner":
            parts.text_encoder = clip_encoder(clip_vocab() if latent else len(WORDS) + 3)
    if fixture.kind in ("sdxl", "refiner"):
        parts.text_encoder_2 = clip_encoder(clip_vocab(), projected=True)
    if latent:
        parts.vae = AutoencoderKL(
            block_out_channels=(4, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=2,
            sample_size=2 * fixture.size,
            scaling_factor=0.08333 if fixture.kind == "upscale" else 0.18215,
        )
    parts.controlnets = [
        ControlNetModel(
            layers_per_block=1,
            block_out_channels=SMALL["block_out_channels"],
            down_block_types=SMALL["down_block_types"],
            conditioning_embedding_out_channels=(4, 8),
            norm_num_groups=2,
            cross_attention_dim=8,
            attention_head_dim=2,
        )
        for _ in fixture.controls
    ]
    for module in (parts.unet, parts.text_encoder, parts.text_encoder_2, parts.vae, *parts.controlnets):
        if module is not None:
            randomise(module.eval(), generator, fixture.plain_biases)
    if fixture.kind in ("ddpm", "text"):
        for parameter in parts.unet.conv_out.parameters():
            parameter.data *= 0.25  # with more, sampling amplifies rounding until nothing can be compared
    for module in (parts.unet, parts.text_encoder, parts.text_encoder_2, parts.vae, *parts.controlnets):
        if module is not None and fixture.half:
            module.half().float()
    return parts


REFINER = {"force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True}
BESIDE = {"inpaint": 5, "pix2pix": 4, "upscale": 3}  # channels that the Unet reads beside the sample's
CLIP_TEXT = " ".join(WORDS).replace("boat", "boats boating").replace("house", "houses housing").split()


def clip_vocab() -> int:
    """Size of the byte-pair vocabulary: two byte alphabets, the merges, two special tokens."""
    from clip_tokenizer import learn_merges

    return 512 + len(learn_merges(CLIP_TEXT, 60)) + 2


PIPELINES = {
    "ddpm": "DDPMPipeline",
    "text": "PixelTextToImagePipeline",
    "sd": "StableDiffusionPipeline",
    "lcm": "LatentConsistencyModelPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "refiner": "StableDiffusionXLImg2ImgPipeline",
    "inpaint": "StableDiffusionInpaintPipeline",
    "pix2pix": "StableDiffusionInstructPix2PixPipeline",
    "upscale": "StableDiffusionUpscalePipeline",
}


def make(name: str, root: Path = HERE) -> Path:
    """Writes the folder and returns it."""
    parts = build(name)
    fixture, folder = parts.fixture, root / name
    shutil.rmtree(folder, ignore_errors=True)
    dtype = torch.float16 if fixture.half else torch.float32
    options = fixture.options
    static_text = replace(options, external=None)
    torch.manual_seed(0)  # the example inputs
    export.export_unet(
        parts.unet.to(dtype),
        folder,
        options,
        batch=fixture.batch,
        sequence=LENGTH,
        timestep=fixture.timestep.to(dtype) if fixture.timestep.is_floating_point() else fixture.timestep,
        axes=fixture.axes,
        wrapped=fixture.wrapped,
    )
    index = {"unet": ("diffusers", type(parts.unet).__name__)}
    for number, encoder in enumerate([parts.text_encoder, parts.text_encoder_2]):
        suffix = f"_{number + 1}" if number else ""
        if encoder is None:
            if fixture.kind == "refiner":
                index |= {name: (None, None) for name in ("text_encoder", "tokenizer")}
            continue
        export.export_text_encoder(
            encoder.to(dtype),
            folder,
            static_text,
            name=f"text_encoder{suffix}",
            length=LENGTH,
            ids=torch.int64 if fixture.kind == "text" else torch.int32,
            batch=fixture.batch,
            hidden_states=fixture.kind in ("sdxl", "refiner"),
        )
        index[f"text_encoder{suffix}"] = ("transformers", type(encoder).__name__)
        if fixture.kind == "text":
            vocab = {word: number for number, word in enumerate(WORDS, 3)}
            write_word_tokenizer(folder / "tokenizer", vocab, LENGTH)
            index["tokenizer"] = ("transformers", "PreTrainedTokenizerFast")
        else:
            write_clip_tokenizer(folder / f"tokenizer{suffix}", CLIP_TEXT, 60, LENGTH)
            index[f"tokenizer{suffix}"] = ("transformers", "CLIPTokenizer")
    if parts.vae is not None:
        export.export_vae_decoder(parts.vae.to(dtype), folder, static_text, size=fixture.size)
        if fixture.encodes:
            export.export_vae_encoder(parts.vae, folder, static_text, size=2 * fixture.size)
        index["vae"] = ("diffusers", "AutoencoderKL")
    for name, controlnet in zip(fixture.controls, parts.controlnets, strict=True):
        export.export_controlnet(controlnet.to(dtype), folder / name, static_text, size=fixture.size)
    if fixture.kind == "upscale":
        index["low_res_scheduler"] = ("diffusers", LOW_RES_SCHEDULER["_class_name"])
        export.write_json(folder / "low_res_scheduler" / "scheduler_config.json", LOW_RES_SCHEDULER)
    scheduler = SCHEDULERS[fixture.scheduler]
    index["scheduler"] = ("diffusers", scheduler["_class_name"])
    export.write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    hints = REFINER if fixture.kind == "refiner" else {}
    export.write_model_index(folder, PIPELINES[fixture.kind], index, **hints)
    return folder


def describe(path: Path) -> tuple[list, dict[str, np.ndarray]]:
    """A model's nodes, inputs, outputs and shapes as plain lists, and its weights."""
    model = onnx.load(path)
    nodes = [(n.op_type, n.name, list(n.input), list(n.output)) for n in model.graph.node]
    ends = [(v.name, str(v.type)) for v in [*model.graph.input, *model.graph.output]]
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return [nodes, ends, {o.domain: o.version for o in model.opset_import}], weights


def differences(made: Path, kept: Path) -> list[str]:
    """The files that one folder has and the other has not, or has differently."""
    names = {f.relative_to(root) for root in (made, kept) for f in root.rglob("*") if f.is_file()}
    found = []
    for name in sorted(names):
        a, b = made / name, kept / name
        if not (a.exists() and b.exists()):
            found.append(str(name))
        elif name.suffix == ".onnx":
            (graph, weights), (other, others) = describe(a), describe(b)
            same = graph == other and weights.keys() == others.keys()
            if not same or not all(np.allclose(weights[k], others[k], 1e-4, 1e-6) for k in weights):
                found.append(str(name))
        elif name.suffix in (".json", ".txt") and a.read_text() != b.read_text():
            found.append(str(name))
    return found


def main() -> None:
    """Makes the fixtures whose names begin with the argument."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="?", default="tiny-")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--check", action="store_true")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    for name in FIXTURES:
        if not name.startswith(settings.prefix):
            continue
        if settings.check:
            with tempfile.TemporaryDirectory() as root:
                found = differences(make(name, Path(root)), settings.out / name)
            print(f"{name}: {'differs in ' + ', '.join(found) if found else 'the same'}", flush=True)
            continue
        folder = make(name, settings.out)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{name}: {size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()

"""The models that ``train.py`` knows, each a frozen set of settings."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Preset:
    """All that defines a model and its training. ``text`` None is an unconditional model."""

    name: str
    #: "scenes" is drawn as training goes; "folder" reads pictures from ``--data``.
    data: str
    size: int
    block_out_channels: tuple[int, ...]
    down_block_types: tuple[str, ...]
    layers_per_block: int = 1
    #: diffusers' field: the number of heads in cross-attention blocks, channels per head elsewhere.
    attention_head_dim: int = 4
    norm_num_groups: int = 16
    text: int | None = 128
    beta_schedule: str = "squaredcos_cap_v2"
    prediction_type: str = "v_prediction"
    #: Weight of a timestep is min(SNR, this) over the SNR (Hang et al. 2023, arXiv 2303.09556); None: plain.
    min_snr: float | None = 5.0
    #: With velocity prediction the SNR in that weight counts as at least this. Plain min-SNR leaves almost
    #: nothing of the noisiest steps, where it is decided what stands where: small pictures then learn
    #: places, colours and numbers last.
    snr_floor: float = 0.7
    batch: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    ema_decay: float = 0.999
    caption_dropout: float = 0.1
    #: Share of captions with one word replaced by [UNK], so that a free prompt does no harm.
    unknown_word: float = 0.03
    mirror: bool = False
    #: What the model reads beside noise and caption: "lines", a ControlNet beside the frozen Unet of `--init`;
    #: "mask", the Unet itself with four channels more. The text encoder of `--init` stays as it is in both.
    beside: str | None = None

    @property
    def up_block_types(self) -> tuple[str, ...]:
        return tuple(t.replace("Down", "Up") for t in reversed(self.down_block_types))


_CROSS = "CrossAttnDownBlock2D"
_SCENES = Preset("scenes", "scenes", 32, (32, 64, 128, 128), ("DownBlock2D", "DownBlock2D", _CROSS, _CROSS))

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _SCENES,
        replace(_SCENES, name="scenes-control", beside="lines", batch=32, ema_decay=0.995),
        replace(_SCENES, name="scenes-inpaint", beside="mask", batch=32, learning_rate=5e-4, ema_decay=0.995),
        Preset(
            "scenes-64",
            "scenes",
            64,
            (32, 64, 64, 128, 128),
            ("DownBlock2D", "DownBlock2D", "DownBlock2D", _CROSS, _CROSS),
        ),
        Preset(
            "scenes-ddpm",
            "scenes",
            32,
            (32, 64, 128, 128),  # as `scenes`, whose convolutions are a warm start
            ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
            attention_head_dim=32,
            text=None,
            beta_schedule="linear",
            prediction_type="epsilon",
            min_snr=None,
            learning_rate=5e-4,
        ),
        Preset(
            "emoji",
            "folder",
            64,
            (64, 128, 192, 192),
            ("DownBlock2D", "DownBlock2D", _CROSS, _CROSS),
            layers_per_block=2,
            batch=256,
            ema_decay=0.9999,
        ),
        Preset(
            "ddpm-cifar10",
            "folder",
            32,
            (64, 128, 128, 128),
            ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
            layers_per_block=2,
            attention_head_dim=64,
            text=None,
            beta_schedule="linear",
            prediction_type="epsilon",
            min_snr=None,
            batch=128,
            learning_rate=2e-4,
            warmup_steps=5000,
            ema_decay=0.9999,
            mirror=True,
        ),
    )
}

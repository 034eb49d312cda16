"""A small Unet as ADM builds it (Dhariwal and Nichol 2021), with the module names that its descendants kept.

`input_blocks.N` and `output_blocks.N` are one ResNet with its attention or its resampling each, `middle_block` is
ResNet, attention, ResNet; every input block hands its value to the output block that mirrors it, and the Unet itself
joins them. `Preconditioned` wraps it as EDM and consistency models do (Karras et al. 2022, table 1).
"""

from __future__ import annotations

import math

import torch
from torch import nn


def norm(channels: int) -> nn.GroupNorm:
    """ADM's norm, in two groups."""
    return nn.GroupNorm(2, channels)


class Resampled(nn.Sequential):
    """`TimestepEmbedSequential`: layers in a row, some of which read the embedding."""

    def forward(self, x, emb):
        for layer in self:
            x = layer(x, emb) if isinstance(layer, ResBlock) else layer(x)
        return x


class Resize(nn.Module):
    """Halves or doubles the sides without weights, as ADM does inside a ResNet."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        if self.scale < 1:
            return nn.functional.avg_pool2d(x, 2)
        return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


class ResBlock(nn.Module):
    """A ResNet whose second norm is scaled and shifted by the embedding; `scale` resamples inside of it."""

    def __init__(self, inner: int, outer: int, embedding: int, scale: float = 1):
        super().__init__()
        self.in_layers = nn.Sequential(norm(inner), nn.SiLU(), nn.Conv2d(inner, outer, 3, padding=1))
        self.h_upd, self.x_upd = (nn.Identity(), nn.Identity()) if scale == 1 else (Resize(scale), Resize(scale))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outer))
        self.out_layers = nn.Sequential(norm(outer), nn.SiLU(), nn.Dropout(0), nn.Conv2d(outer, outer, 3, padding=1))
        self.skip_connection = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1)

    def forward(self, x, emb):
        h = self.in_layers[:-1](x)
        h, x = self.h_upd(h), self.x_upd(x)
        h = self.in_layers[-1](h)
        scale, shift = self.emb_layers(emb)[:, :, None, None].chunk(2, dim=1)
        first, rest = self.out_layers[0], self.out_layers[1:]
        return self.skip_connection(x) + rest(first(h) * (1 + scale) + shift)


class Attention(nn.Module):
    """One head of self-attention over pixels."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm, self.qkv = norm(channels), nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        flat = x.flatten(2)
        q, k, v = self.qkv(self.norm(flat)).chunk(3, dim=1)
        weights = torch.softmax(torch.einsum("bct,bcs->bts", q, k) / math.sqrt(q.shape[1]), dim=-1)
        return (flat + self.proj_out(torch.einsum("bts,bcs->bct", weights, v))).reshape(x.shape)


class AdmUnet(nn.Module):
    """Three levels of one ResNet each, attention in the lowest; `classes` counts labels, 0 takes a number in [0, 1]."""

    def __init__(self, width: int = 4, classes: int = 0):
        super().__init__()
        a, b, emb = width, 2 * width, 4 * width
        self.width = width
        self.time_embed = nn.Sequential(nn.Linear(width, emb), nn.SiLU(), nn.Linear(emb, emb))
        number = nn.Sequential(nn.Linear(1, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label_emb = nn.Embedding(classes, emb) if classes else number
        self.input_blocks = nn.ModuleList(
            [
                Resampled(nn.Conv2d(1, a, 3, padding=1)),
                Resampled(ResBlock(a, a, emb)),
                Resampled(ResBlock(a, a, emb, 0.5)),
                Resampled(ResBlock(a, a, emb)),
                Resampled(ResBlock(a, a, emb, 0.5)),
                Resampled(ResBlock(a, b, emb), Attention(b)),
            ]
        )
        self.middle_block = Resampled(ResBlock(b, b, emb), Attention(b), ResBlock(b, b, emb))
        self.output_blocks = nn.ModuleList(
            [
                Resampled(ResBlock(2 * b, b, emb), Attention(b)),
                Resampled(ResBlock(b + a, b, emb), Attention(b), ResBlock(b, b, emb, 2)),
                Resampled(ResBlock(b + a, a, emb)),
                Resampled(ResBlock(a + a, a, emb), ResBlock(a, a, emb, 2)),
                Resampled(ResBlock(a + a, a, emb)),
                Resampled(ResBlock(a + a, a, emb)),
            ]
        )
        self.out = nn.Sequential(norm(a), nn.SiLU(), nn.Conv2d(a, 1, 3, padding=1))

    def forward(self, x, timestep, label):
        frequencies = torch.exp(torch.arange(self.width // 2) * (-math.log(10000) / (self.width // 2)))
        angles = timestep[:, None].float() * frequencies[None]
        emb = self.time_embed(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))
        emb = emb + self.label_emb(label if isinstance(self.label_emb, nn.Embedding) else label[:, None])
        handed, h = [], x
        for block in self.input_blocks:
            h = block(h, emb)
            handed.append(h)
        h = self.middle_block(h, emb)
        for block in self.output_blocks:
            h = block(torch.cat([h, handed.pop()], dim=1), emb)
        return self.out(h)


class Preconditioned(nn.Module):
    """D(x; σ) = c_skip x + c_out F(c_in x; c_noise), with the boundary that makes D(x; σ_min) = x."""

    def __init__(self, network: AdmUnet, sigma_min: float = 0.002, sigma_data: float = 0.5):
        super().__init__()
        self.network, self.sigma_min, self.sigma_data = network, sigma_min, sigma_data

    def forward(self, noisy, sigma, label):
        s, d = sigma[:, None, None, None], self.sigma_data
        root = (s**2 + d**2).sqrt()
        skip, out = d**2 / ((s - self.sigma_min) ** 2 + d**2), (s - self.sigma_min) * d / root
        return skip * noisy + out * self.network(noisy / root, 0.25 * sigma.log(), label)

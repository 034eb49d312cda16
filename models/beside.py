"""What a Unet reads beside noise and caption: a line drawing through a ControlNet, or a mask and what it leaves of a picture."""

from __future__ import annotations

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import nn

#: Channels of the drawing's embedding; a single number, so that it stays as large as the sample.
EMBEDDING_CHANNELS = (16,)


def control_network(unet: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that begins as the Unet's first half and adds nothing yet."""
    return ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=EMBEDDING_CHANNELS)


def masked(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The four channels that an inpainting Unet reads behind the sample's: the mask, the picture grey under it."""
    return torch.cat([mask, images * (1 - mask)], 1)


class Conditioned:
    """The Unet with what it reads beside, called as the Unet alone is."""

    def __init__(self, unet: nn.Module, control: nn.Module | None, beside: torch.Tensor):
        self._unet, self._control, self._beside = unet, control, beside

    def __call__(self, noisy: torch.Tensor, timesteps: torch.Tensor, hidden: torch.Tensor):
        beside = self._beside.repeat(len(noisy) // len(self._beside), 1, 1, 1)
        if self._control is None:
            return self._unet(torch.cat([noisy, beside], 1), timesteps, hidden)
        down, mid = self._control(noisy, timesteps, hidden, beside, return_dict=False)
        return self._unet(
            noisy, timesteps, hidden, down_block_additional_residuals=down, mid_block_additional_residual=mid
        )

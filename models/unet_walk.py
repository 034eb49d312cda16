"""A diffusers Unet, layer by layer: what golden runs of published methods skip parts of.

`UnetWalk` calls the modules in the order of `forward` and can stop anywhere; `Residual` keeps what one
layer adds to its input.
"""

from __future__ import annotations

import torch


class UnetWalk:
    """Way down, middle and way up. `begin` first; skips pile up on the way down and go on the way up."""

    def __init__(self, unet):
        self.unet = unet
        self.down_layers, self.up_layers = [], []
        for block in unet.down_blocks:
            pairs = zip(block.resnets, attentions(block))
            self.down_layers += [("layer", resnet, attention) for resnet, attention in pairs]
            self.down_layers += [("sampler", sampler, None) for sampler in block.downsamplers or []]
        for block in unet.up_blocks:
            found = [[resnet, attention, None] for resnet, attention in zip(block.resnets, attentions(block))]
            if block.upsamplers:
                found[-1][2] = block.upsamplers[0]
            self.up_layers += found

    def layers(self, *sides: str):
        """Every ResNet and attention with its path; of the way down, the middle, the way up."""
        for side in sides or ("down", "mid", "up"):
            blocks = [self.unet.mid_block] if side == "mid" else getattr(self.unet, f"{side}_blocks")
            for number, block in enumerate(blocks):
                path = "mid_block" if side == "mid" else f"{side}_blocks.{number}"
                for kind in ("resnets", "attentions"):
                    for index, layer in enumerate(getattr(block, kind, None) or []):
                        if layer is not None:
                            yield f"{path}.{kind}.{index}", layer

    def begin(self, sample, t, text) -> None:
        """Embeds the timestep, and takes the sample in."""
        unet = self.unet
        steps = t.reshape(1).expand(sample.shape[0])
        self.embedding = unet.time_embedding(unet.time_proj(steps).to(sample.dtype))
        self.text = text[0] if text else None
        self.skips = [unet.conv_in(sample)]

    def attend(self, attention, hidden):
        """Through an attention, if there is one; with text where the Unet has it."""
        if attention is None:
            return hidden
        if self.text is None:
            return attention(hidden)
        return attention(hidden, encoder_hidden_states=self.text, return_dict=False)[0]

    def down(self, until: int | None = None) -> None:
        """Goes on down until so many layers have run; they are as many as skips, less one."""
        for kind, module, attention in self.down_layers[len(self.skips) - 1 : until]:
            hidden = self.skips[-1]
            if kind == "sampler":
                self.skips.append(module(hidden))
            else:
                self.skips.append(self.attend(attention, module(hidden, self.embedding)))

    def middle(self):
        """The middle block, after the whole way down."""
        middle, hidden = self.unet.mid_block, self.skips[-1]
        if self.text is None:
            return middle(hidden, self.embedding)
        return middle(hidden, self.embedding, encoder_hidden_states=self.text)

    def climb(self, hidden, layers):
        """Through layers of the way up; each takes the topmost skip off."""
        for resnet, attention, sampler in layers:
            hidden = resnet(torch.cat([hidden, self.skips.pop()], 1), self.embedding)
            hidden = self.attend(attention, hidden)
            hidden = sampler(hidden) if sampler is not None else hidden
        return hidden

    def up_until(self, hidden, left: int):
        """From the middle up, until so many layers are left."""
        return self.climb(hidden, self.up_layers[: len(self.up_layers) - left])

    def up(self, hidden, left: int | None = None):
        """Through the layers that are left, all of them by default, to the Unet's output."""
        layers = self.up_layers[-left:] if left else self.up_layers
        hidden = self.climb(hidden, layers)
        return self.unet.conv_out(self.unet.conv_act(self.unet.conv_norm_out(hidden)))


def attentions(block):
    """One attention for each ResNet, or None."""
    found = getattr(block, "attentions", None)
    return list(found) if found else [None] * len(block.resnets)


class Residual:
    """Wraps a ResNet or an attention: keeps what it adds to its shortcut, by context, and can add it again."""

    def __init__(self, module):
        self.module, self.original = module, module.forward
        self.context, self.is_reused = "cond", False
        self.kept, self.changes = {}, {}
        module.forward = self.forward

    def shortcut(self, hidden):
        """What reaches the output without the layer's own work."""
        conv = getattr(self.module, "conv_shortcut", None)
        return conv(hidden) if conv is not None else hidden

    def forward(self, hidden, *args, **kwargs):
        """The layer, or its shortcut with the kept residual."""
        is_tuple = kwargs.get("return_dict") is False
        if self.is_reused:
            value = self.shortcut(hidden) + self.kept[self.context]
            return (value,) if is_tuple else value
        value = self.original(hidden, *args, **kwargs)
        residual = (value[0] if is_tuple else value) - self.shortcut(hidden)
        before = self.kept.get(self.context)
        if before is not None:
            change = float((residual - before).abs().mean() / residual.abs().mean())
            self.changes.setdefault(self.context, []).append(change)
        self.kept[self.context] = residual
        return value

    def forget(self) -> None:
        """As new."""
        self.kept, self.changes = {}, {}

    def restore(self) -> None:
        """Gives the module its own forward back."""
        del self.module.forward

"""Training batches by position in an endless series: the same whenever and wherever they are made."""

from __future__ import annotations

import json
import random
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import scenes_data
from masks import random_mask
from presets import Preset
from scenes_data.vocabulary import SPECIAL, UNKNOWN, VOCABULARY, encode

Batch = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
#: Shares of shapes that a line drawing leaves out; a person draws one thing as often as all.
LEFT_OUT = (0.0, 0.0, 0.3, 0.6)


class Batches:
    """``get(first)`` is the batch from picture ``first`` on.

    Pictures are float ``[batch, 3, size, size]`` in [-1, 1], tokens int64 ``[batch, 40]`` or None, and what the
    preset reads beside them: line drawings ``[batch, 3, size, size]`` in [0, 1], masks ``[batch, 1, size, size]``,
    or None. The next batch is made in a thread while the caller works on this one.
    """

    def __init__(self, preset: Preset, seed: int, batch: int, folder: Path | None = None):
        self._preset, self._seed, self._batch = preset, seed, batch
        self._pool = ThreadPoolExecutor(1)
        self._next: tuple[int, Future[Batch]] | None = None
        self._folder = None
        if preset.data == "folder":
            if folder is None:
                raise ValueError(f"Cannot read the data of {preset.name} as --data names no folder")
            self._folder = PictureFolder(folder, preset.size)
        self.vocabulary = VOCABULARY if self._folder is None else self._folder.vocabulary

    def get(self, first: int) -> Batch:
        ready = self._next[1].result() if self._next and self._next[0] == first else self._make(first)
        following = first + self._batch
        self._next = (following, self._pool.submit(self._make, following))
        return ready

    def _make(self, first: int) -> Batch:
        pixels, tokens, beside = [], [], []
        for index in range(first, first + self._batch):
            rng = random.Random(f"batches/{self._seed}/{index}")
            picture, caption, lines = self._example(index, rng)
            pixels.append(picture[:, ::-1] if self._preset.mirror and rng.random() < 0.5 else picture)
            tokens.append(self._tokens(caption, rng))
            if self._preset.beside == "lines":
                beside.append(lines.transpose(2, 0, 1) / np.float32(255))
            elif self._preset.beside == "mask":
                beside.append(random_mask(rng, self._preset.size))
        images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return (
            images,
            torch.tensor(tokens) if self._preset.text else None,
            torch.from_numpy(np.stack(beside)) if beside else None,
        )

    def _example(self, index: int, rng: random.Random) -> tuple[np.ndarray, str, np.ndarray | None]:
        """Picture, caption and line drawing, where the preset reads one."""
        if self._folder is not None:
            return (*self._folder.example(rng), None)
        if self._preset.beside == "lines":
            pixels, lines, caption = scenes_data.outlined(self._seed, index, self._preset.size, rng.choice(LEFT_OUT))
            return pixels, caption, lines
        pixels, caption, _, _ = scenes_data.picture(self._seed, index, self._preset.size)
        return pixels, caption, None

    def _tokens(self, caption: str, rng: random.Random) -> list[int]:
        if rng.random() < self._preset.caption_dropout:
            return encode([], self.vocabulary)
        tokens = encode(scenes_data.tokenize(caption), self.vocabulary)
        if rng.random() < self._preset.unknown_word:
            tokens[rng.randrange(1, tokens.index(SPECIAL["[EOS]"]))] = UNKNOWN
        return tokens


class PictureFolder:
    """Pictures of a folder (PNG or JPEG, any depth), with ``captions.json`` {relative path: caption} beside them.

    Without that file a picture's caption is its name, words apart, digits left out.
    """

    def __init__(self, folder: Path, size: int):
        self._size = size
        self._files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in {".png", ".jpg", ".jpeg"})
        if not self._files:
            raise ValueError(f"Cannot read pictures as {folder} holds no .png or .jpg")
        listed = folder / "captions.json"
        captions = json.loads(listed.read_text()) if listed.exists() else {}
        self._captions = [
            captions.get(f.relative_to(folder).as_posix(), re.sub(r"[^a-z]+", " ", f.stem.lower()).strip())
            for f in self._files
        ]
        words = {word for caption in self._captions for word in scenes_data.tokenize(caption)}
        self.vocabulary = SPECIAL | {word: i + len(SPECIAL) for i, word in enumerate(sorted(words))}
        self._read: dict[int, np.ndarray] = {}

    def example(self, rng: random.Random) -> tuple[np.ndarray, str]:
        number = rng.randrange(len(self._files))
        if number not in self._read:
            self._read[number] = self._load(self._files[number])
        return self._read[number], self._captions[number]

    def _load(self, file: Path) -> np.ndarray:
        """uint8 ``[size, size, 3]``; what is transparent becomes white."""
        image = Image.open(file).convert("RGBA").resize((self._size, self._size), Image.Resampling.LANCZOS)
        paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(paper, image).convert("RGB"))

"""Trains the feature network for Fréchet and kernel distances, apart from the judge, and exports it to ONNX.

    python features.py --out scenes/features

Writes ``model.onnx``: ``sample`` float32 ``[batch, 3, 32, 32]`` in [-1, 1] → ``features`` float32
``[batch, 64]``; and ``features.json`` (settings, accuracy of its reading). The numbers that come of it
are distances in these features, comparable only with each other; they are not FID.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch

from judge import UNSEEN_SEED
from reader import ReaderSettings, draw_examples, question_accuracy, train_reader

#: Another width, another series of pictures and another start than the judge's.
SETTINGS = ReaderSettings(width=24, features=64, seed=202)


def build_features(out: Path, settings: ReaderSettings, unseen: int = 2000) -> dict:
    """Trains, measures and exports a feature network; its card."""
    reader = train_reader(settings)
    pixels, truth, _, _ = draw_examples(UNSEEN_SEED, unseen)
    accuracy = question_accuracy(reader, pixels, truth)
    out.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        reader.body,
        (torch.zeros(2, 3, 32, 32),),
        out / "model.onnx",
        input_names=["sample"],
        output_names=["features"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    card = {
        "settings": asdict(settings),
        "unseen_pictures": unseen,
        "mean_accuracy": sum(accuracy.values()) / len(accuracy),
        "question_accuracy": accuracy,
    }
    (out / "features.json").write_text(json.dumps(card, indent=1) + "\n")
    return card


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("scenes/features"))
    parser.add_argument("--pictures", type=int, default=SETTINGS.pictures)
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = build_features(options.out, replace(SETTINGS, pictures=options.pictures, epochs=options.epochs))
    print(f"mean accuracy {result['mean_accuracy']:.4f}")

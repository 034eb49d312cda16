"""Prints the measured part of a model card as Markdown, from the JSON that ``evaluate.py`` wrote.

    python card.py --evaluation runs/scenes/evaluation/evaluation.json > card.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

#: What the model must reach before claims about redundancy rest on it.
SEEN_BAR, WITHHELD_BAR, JUDGE_BAR = 0.90, 0.75, 0.98


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _training(training: dict) -> list[str]:
    start = "weights of an earlier model" if training["warm_start"] else "random weights"
    return [
        "## Training",
        "",
        "| | |",
        "| --- | --- |",
        "| data | pictures drawn by `scenes_data`, each one once, with exact captions; no outside pictures |",
        "| licence | MIT, for weights and data alike |",
        f"| pictures seen | {training['pictures_seen']:,} |",
        f"| start | {start} |",
        f"| steps | {training['steps']:,} |",
        f"| hours | {training['hours']:.2f} |",
        f"| hardware | {training['hardware']} |",
        "",
    ]


def _agreement(agreement: dict, guidance: float, judge: dict) -> list[str]:
    accuracy = judge["fact_accuracy"]
    lines = [
        "## Agreement with the prompt",
        "",
        "The share of a caption's facts that the judge finds in the picture: 20 prompts each × "
        f"{agreement['seeds']} seeds, {agreement['steps']} DDIM steps, guidance {guidance:g}. Nobody picked the prompts: "
        "they are the first captions of a series that training never drew. Intervals are 95 %, over prompts.",
        "",
        "| prompts | agreement | interval | pictures with every fact | bar |",
        "| --- | --- | --- | --- | --- |",
    ]
    for part, bar in (("seen", SEEN_BAR), ("withheld", WITHHELD_BAR)):
        row = agreement[part]
        low, high = row["interval"]
        reached = "reached" if row["agreement"] >= bar else "not reached"
        lines.append(
            f"| {part} combinations | {_percent(row['agreement'])} | {_percent(low)} – {_percent(high)} "
            f"| {_percent(row['all_facts_found'])} | {_percent(bar)}: {reached} |"
        )
    sorts = sorted(set(agreement["seen"]["by_sort"]) | set(agreement["withheld"]["by_sort"]))
    lines += [
        "",
        "| sort of fact | seen | withheld | judge on fresh pictures |",
        "| --- | --- | --- | --- |",
    ]
    for sort in sorts:
        cells = []
        for part in ("seen", "withheld"):
            share, count = agreement[part]["by_sort"].get(sort, (0, 0))
            cells.append(f"{_percent(share)} of {count}" if count else "–")
        lines.append(f"| {sort} | {cells[0]} | {cells[1]} | {_percent(accuracy[sort]) if sort in accuracy else '–'} |")
    reached = "reached" if accuracy["all"] >= JUDGE_BAR else "not reached"
    lines += [
        "",
        f"The judge finds {_percent(accuracy['all'])} of the facts of {judge['unseen_pictures']:,} fresh pictures "
        f"(bar {_percent(JUDGE_BAR)}: {reached}). {_percent(agreement['clipped'])} of the samples' values lie at or beyond the "
        "ends of the range.",
        "",
    ]
    if any(agreement[part]["agreement"] < bar for part, bar in (("seen", SEEN_BAR), ("withheld", WITHHELD_BAR))):
        lines += ["This model misses a bar above: it is no ground for claims about redundancy; method demonstrated.", ""]
    return lines


def _distances(distances: dict, features: dict) -> list[str]:
    lines = [
        "## Distance to fresh pictures",
        "",
        f"Between {distances['samples']:,} samples and {distances['reference_pictures']:,} fresh pictures, in "
        f"{features['settings']['features']} features of a network trained apart from the judge (it answers "
        f"{_percent(features['mean_accuracy'])} of its questions about fresh pictures). Not FID; comparable only within "
        f"this table. The floor is the same for {distances['samples']:,} fresh pictures in place of samples.",
        "",
        "| sampler | steps | Fréchet | kernel | clipped values |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in distances["rows"]:
        lines.append(
            f"| {row['sampler']} | {row['steps']} | {row['frechet']:.2f} | {row['kernel']:.3f} | {_percent(row['clipped'])} |"
        )
    floor = distances["floor"]
    return [*lines, f"| floor | | {floor['frechet']:.2f} | {floor['kernel']:.3f} | |", ""]


def card(evaluation: Path, judge: Path, features: Path) -> str:
    """The Markdown of a model's training, agreement and distances, with nothing that was not measured."""
    measured = json.loads(evaluation.read_text())
    lines = _training(measured["training"])
    if "agreement" in measured:
        lines += _agreement(measured["agreement"], measured["guidance"], json.loads(judge.read_text()))
    if "distances" in measured:
        lines += _distances(measured["distances"], json.loads(features.read_text()))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluation", type=Path, default=Path("runs/scenes/evaluation/evaluation.json"))
    parser.add_argument("--judge", type=Path, default=Path("judge/judge.json"))
    parser.add_argument("--features", type=Path, default=Path("scenes/features/features.json"))
    o = parser.parse_args()
    print(card(o.evaluation, o.judge, o.features))

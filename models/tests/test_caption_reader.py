"""What the reader asks of a caption, and that an encoder trained by it is a start for training."""

import json

import torch
from safetensors.torch import load_file, save_file

import caption_reader
from caption_reader import QUESTIONS, Settings, answers, captions, train
from networks import build_networks, warm_start
from presets import PRESETS
from scenes_data import VOCABULARY


def said(facts):
    return {key: choices[number - 1] for (key, choices), number in zip(QUESTIONS.items(), answers(facts)) if number}


def test_answers_say_what_the_facts_claim_and_nothing_else():
    facts = [
        ("subject", "boat"),
        ("colour", "boat", "red"),
        ("place", "boat", "left"),
        ("sky at", "moon", "right"),
        ("time", "night"),
        ("count", "boat", 2),
    ]
    assert said(facts) == {
        ("boat", "there"): True,
        ("boat", "colour"): "red",
        ("boat", "place"): "left",
        ("boat", "count"): 2,
        ("left", "thing"): "boat",
        ("left", "colour"): "red",
        ("right", "sky"): "moon",
        ("setting", "time"): "night",
    }


def test_answers_take_two_of_a_kind_by_their_places():
    facts = [("colour at", "car", "red", "left"), ("colour at", "car", "blue", "right")]
    assert said(facts) == {("left", "colour"): "red", ("right", "colour"): "blue"}


def test_captions_are_a_function_of_seed_and_number_and_ask_of_every_sort_of_fact():
    tokens, labels = captions(0, 5, 200)
    again, _ = captions(0, 6, 1)
    assert torch.equal(tokens[1:2], again)
    asked = (labels > 0).any(0).tolist()
    assert {question for (_, question), any_said in zip(QUESTIONS, asked) if any_said} == {q for _, q in QUESTIONS}


def test_train_learns_and_leaves_a_start(tmp_path, monkeypatch, capsys):
    clock = iter([0.0, *(i / 100 for i in range(101))])
    monkeypatch.setattr(caption_reader.time, "monotonic", lambda: 60 * next(clock))
    assert 0 <= train(Settings(out=str(tmp_path), minutes=1, batch=16)) <= 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[1]["loss"] < rows[0]["loss"] < 100
    unet, text = build_networks(PRESETS["scenes"], VOCABULARY)
    save_file(unet.state_dict(), tmp_path / "unet.safetensors")
    warm_start(tmp_path, unet, text, VOCABULARY)
    trained = load_file(tmp_path / "text_encoder.safetensors")
    assert all(torch.equal(value, trained[key]) for key, value in text.state_dict().items() if key in trained)

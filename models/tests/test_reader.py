"""Judge, feature network, distances, evaluation and card, at tiny size."""

import json
import math
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

import features as feature_training
import evaluate as evaluation
import judge as judging
from card import card
from distances import frechet_distance, kernel_distance
from evaluate import prompts, summarize
from networks import build_networks, save_networks
from presets import PRESETS
from reader import QUESTIONS, Reader, ReaderSettings, answers, disturb, draw_examples, labels, reading_loss
from scenes_data import VOCABULARY, asks_for, scene_facts, withheld_name
from scenes_data.facts import agreement

torch.set_num_threads(1)
TINY = ReaderSettings(width=8, features=16, seed=3, pictures=64, epochs=2, batch=16)


class PerfectReader(Reader):
    """Logits that say the truth, whatever the picture."""

    def __init__(self, truth):
        super().__init__(8, 16)
        self.truth = truth

    def forward(self, pictures):
        columns = [
            torch.nn.functional.one_hot(self.truth[:, i], len(options)).float()
            for i, options in enumerate(QUESTIONS.values())
        ]
        return torch.cat(columns, 1)


@pytest.fixture(scope="module")
def examples():
    return draw_examples(11, 60)


def test_right_answers_give_back_every_fact_of_the_scene(examples):
    pixels, truth, scenes, claimed = examples
    for scene, read, facts in zip(scenes, PerfectReader(truth).read(pixels.float()), claimed, strict=True):
        assert scene_facts(read) == scene_facts(scene)
        assert agreement(facts, scene_facts(read)) == 1


def test_draw_examples_holds_a_tenth_of_withheld_combinations(examples):
    assert [withheld_name(scene) is not None for scene in examples[2]] == [i % 10 == 0 for i in range(60)]


def test_labels_are_the_numbers_of_the_answers(examples):
    _, truth, scenes, _ = examples
    assert truth.shape == (60, len(QUESTIONS))
    for question, number, answer in zip(QUESTIONS, truth[3], answers(scenes[3]).values(), strict=True):
        assert QUESTIONS[question][number] == answer


def test_reading_loss_falls_as_a_reader_learns():
    torch.manual_seed(0)
    pixels, truth, _, _ = draw_examples(1, 16)
    reader = Reader(8, 32)
    optimizer = torch.optim.AdamW(reader.parameters(), 5e-3)
    losses = []
    for _ in range(30):
        loss = reading_loss(reader(pixels.float() / 127.5 - 1), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_disturb_changes_each_picture_by_another_strength():
    pictures = torch.zeros(4, 3, 32, 32)
    spread = disturb(pictures, torch.Generator().manual_seed(0)).std((1, 2, 3))
    assert spread.max() < 0.15 and len(spread.unique()) == 4


def test_judge_is_saved_and_loaded_with_equal_readings(tmp_path):
    card = judging.build_judge(tmp_path, TINY, unseen=20)
    assert 0 <= card["fact_accuracy"]["all"] <= 1
    pixels, _, _, claimed = draw_examples(judging.UNSEEN_SEED, 20)
    loaded = judging.Judge.load(tmp_path)
    assert judging.fact_accuracy(loaded, pixels, claimed) == card["fact_accuracy"]
    assert all(0 <= share <= 1 for share in loaded.agreement(pixels, claimed))


def test_shipped_judge_reads_fresh_pictures():
    judge = judging.Judge.load(judging.Path(__file__).parent.parent / "judge")
    pixels, _, _, claimed = draw_examples(777, 100)
    assert judging.fact_accuracy(judge, pixels, claimed)["all"] >= 0.97


def test_feature_network_runs_in_onnx_at_any_batch(tmp_path):
    feature_training.build_features(tmp_path, replace(TINY, features=64), unseen=20)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for batch in (1, 5):
        result = session.run(None, {"sample": np.zeros((batch, 3, 32, 32), np.float32)})
        assert result[0].shape == (batch, 64)


def test_frechet_distance_of_shifted_and_scaled_normals():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20_000, 3))
    assert frechet_distance(a, a + [1.0, 0, 0]) == pytest.approx(1, abs=1e-9)
    assert frechet_distance(a, 2 * rng.normal(size=(20_000, 3))) == pytest.approx(3, abs=0.1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_unbiased_and_grows_with_the_shift():
    rng = np.random.default_rng(0)
    same = [kernel_distance(rng.normal(size=(50, 4)), rng.normal(size=(50, 4))) for _ in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / math.sqrt(200)
    assert kernel_distance(rng.normal(size=(50, 4)), rng.normal(size=(50, 4)) + 1) > 0.5


def test_prompts_are_twenty_seen_and_four_of_each_withheld_combination():
    asked = prompts(5011)
    names = [prompt.withheld for prompt in asked]
    assert names.count(None) == 20 and len(asked) == 40
    for prompt in asked[20:]:
        assert names.count(prompt.withheld) == 4 and asks_for(prompt.facts, prompt.withheld)


def test_summarize_counts_facts_not_pictures():
    rows = [
        {"facts": [("time", "day")], "hits": [[True], [True]]},
        {"facts": [("time", "day"), ("ground", "sea")], "hits": [[True, False], [False, False]]},
    ]
    summary = summarize(rows)
    assert summary["agreement"] == pytest.approx(3 / 6)
    assert summary["all_facts_found"] == pytest.approx(0.5)
    assert summary["by_sort"] == {"ground": [0.0, 2], "time": [0.75, 4]}
    assert summary["interval"][0] <= summary["agreement"] <= summary["interval"][1]


def test_evaluate_and_card_of_a_tiny_model(tmp_path, monkeypatch):
    torch.manual_seed(0)
    preset = replace(PRESETS["scenes"], block_out_channels=(8, 16, 16, 16), norm_num_groups=4, text=16)
    record = {"preset": "scenes", "pictures_seen": 2, "steps": 1, "hours": 0.0, "hardware": "2 CPU threads", "warm_start": True}
    unet, text = build_networks(preset, VOCABULARY)
    save_networks(tmp_path / "model", preset, unet, text, VOCABULARY, record)
    judging.build_judge(tmp_path / "judge", TINY, unseen=10)
    feature_training.build_features(tmp_path / "features", TINY, unseen=10)
    monkeypatch.setattr(evaluation, "SAMPLE_STEPS", (2, 1))
    features = tmp_path / "features" / "model.onnx"
    settings = {"distance_samples": 20, "reference_pictures": 40, "seeds": 1, "steps": 2}
    result = evaluation.evaluate(evaluation.Settings(tmp_path / "model", tmp_path / "out", tmp_path / "judge", features, **settings))
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == json.loads(json.dumps(result))
    assert len(result["agreement"]["prompts"]) == 40 and len(result["distances"]["rows"]) == 4
    text = card(tmp_path / "out" / "evaluation.json", tmp_path / "judge" / "judge.json", tmp_path / "features" / "features.json")
    assert "| pictures seen | 2 |" in text and "| dpmpp-2m | 2 |" in text
    assert f"{100 * result['agreement']['seen']['agreement']:.1f} %" in text

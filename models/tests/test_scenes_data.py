"""The drawn scenes: captions tell the truth, pictures are reproducible, withheld combinations stay out."""

import random

import numpy as np
import pytest

from scenes_data import (
    VOCABULARY,
    WITHHELD,
    asks_for,
    describe,
    encode,
    outlined,
    picture,
    pictures,
    random_scene,
    scene_facts,
    tokenize,
    withheld_name,
)
from scenes_data.facts import agreement
from scenes_data.scene import KIND_COLOURS, PLACES, Scene, Subject
from scenes_data.vocabulary import END, MAX_TOKENS, PAD, SPECIAL, START, UNKNOWN

GRASS = Scene("day", "grass", "nothing", "clear", False, {})


def captions(count):
    rng = random.Random(5)
    for _ in range(count):
        scene = random_scene(rng)
        yield scene, *describe(scene, rng)


def test_every_fact_that_a_caption_claims_is_true_of_its_scene():
    for scene, caption, facts in captions(3000):
        assert set(facts) <= scene_facts(scene), caption


def test_every_claimed_fact_is_said_in_the_words_of_the_caption():
    for _, caption, facts in captions(2000):
        words = tokenize(caption)
        for fact in facts:
            if fact[0] in ("place", "sky at"):
                assert fact[2] in words, (caption, fact)
            if fact[0] in ("colour", "colour at"):
                assert fact[2] in words, (caption, fact)
            if fact[0] == "count":
                assert {2: "two", 3: "three"}[fact[2]] in words, (caption, fact)


def test_no_caption_names_a_subject_that_is_not_there():
    for scene, caption, _ in captions(2000):
        kinds = {s.kind for s in scene.subjects}
        words = caption.replace("pine tree", "pine").replace("palm tree", "palm").split()
        for kind in set(KIND_COLOURS) - kinds:
            assert kind not in words, caption


def test_captions_use_the_whole_vocabulary_and_nothing_else_and_fit():
    used = set()
    for _, caption, _ in captions(15_000):
        words = tokenize(caption)
        assert len(words) <= MAX_TOKENS - 2
        used |= set(words)
    assert used == set(VOCABULARY) - set(SPECIAL)


def test_captions_vary_in_length():
    lengths = [len(tokenize(caption)) for _, caption, _ in captions(1000)]
    assert min(lengths) <= 3 and max(lengths) >= 25


def test_encode_frames_pads_cuts_and_marks_unknown_words():
    tokens = encode(["red", "dragon", "boat"])
    assert tokens[:5] == [START, VOCABULARY["red"], UNKNOWN, VOCABULARY["boat"], END]
    assert tokens[5:] == [PAD] * (MAX_TOKENS - 5)
    assert len(encode(["red"] * 99)) == MAX_TOKENS and encode(["red"] * 99)[-1] == END


def test_picture_depends_on_seed_and_index_alone():
    pixels, caption, facts, scene = picture(3, 8)
    again = picture(3, 8)
    assert (pixels == again[0]).all() and (caption, facts, scene) == again[1:]
    assert (pixels == pictures(3, 7, 2)[0][1]).all()
    assert not (pixels == picture(4, 8)[0]).all()


@pytest.mark.parametrize("size", [32, 64])
def test_picture_has_the_size_asked_for(size):
    pixels = picture(0, 0, size)[0]
    assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8


def test_a_picture_at_64_averages_down_to_nearly_the_same_at_32():
    small, large = picture(0, 5, 32)[0].astype(float), picture(0, 5, 64)[0].astype(float)
    assert np.abs(large.reshape(32, 2, 32, 2, 3).mean((1, 3)) - small).mean() < 3


def test_training_pictures_hold_no_withheld_combination():
    assert all(withheld_name(picture(0, i)[3]) is None for i in range(600))


def test_withheld_pictures_all_hold_one_and_every_one_occurs():
    names = {withheld_name(picture(0, i, withheld=True)[3]) for i in range(200)}
    assert names == set(WITHHELD)


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("purple windmill", Scene("day", "grass", "nothing", "clear", False, {}, (Subject("windmill", "purple", "left"),))),
        ("lighthouse at night", Scene("night", "sea", "nothing", "clear", False, {}, (Subject("lighthouse", "red", "left"),))),
        ("snowman in falling snow", Scene("day", "snow", "nothing", "snowfall", False, {}, (Subject("snowman", "red", "left"),))),
        ("castles in a group", Scene("day", "sand", "nothing", "clear", False, {}, tuple(Subject("castle", "red", p) for p in PLACES))),
        ("big cactus", Scene("day", "sand", "nothing", "clear", False, {}, (Subject("cactus", None, "left", "big"),))),
        (None, Scene("day", "grass", "nothing", "clear", False, {}, (Subject("windmill", "red", "left"),))),
        (None, Scene("day", "sea", "nothing", "clear", False, {}, (Subject("lighthouse", "red", "left"),))),
        (None, Scene("day", "sand", "nothing", "clear", False, {}, (Subject("cactus", None, "left"),))),
    ],
)
def test_withheld_name(name, scene):
    assert withheld_name(scene) == name


def test_each_part_of_a_withheld_combination_is_drawn_for_training():
    rng = random.Random(6)
    scenes = [scene for scene in (random_scene(rng) for _ in range(4000)) if withheld_name(scene) is None]
    subjects = [s for scene in scenes for s in scene.subjects]
    assert any(s.colour == "purple" for s in subjects) and any(s.kind == "windmill" for s in subjects)
    assert any(s.kind == "cactus" and s.size == "small" for s in subjects) and any(s.size == "big" for s in subjects)
    assert any(scene.weather == "snowfall" for scene in scenes) and any(scene.group == 3 for scene in scenes)


def test_asks_for_needs_every_part_of_the_combination():
    assert asks_for([("subject", "lighthouse"), ("time", "night")], "lighthouse at night")
    assert not asks_for([("subject", "lighthouse")], "lighthouse at night")
    assert asks_for([("colour at", "windmill", "purple", "left")], "purple windmill")


def test_agreement_is_the_share_of_claimed_facts_found():
    facts = [("time", "day"), ("ground", "grass"), ("far", "hills"), ("subject", "house")]
    assert agreement(facts, scene_facts(GRASS)) == 0.5
    assert agreement([], set()) == 1.0


def test_a_line_drawing_is_of_its_picture_and_leaves_out_what_it_is_told_to():
    pixels, lines, caption = outlined(3, 6)
    assert np.array_equal(pixels, picture(3, 6)[0]) and caption == picture(3, 6)[1]
    assert "castle" in caption and "right" in caption
    drawn = lines[..., 0].astype(float)
    assert np.array_equal(lines[..., 0], lines[..., 2]) and lines.max() == 255
    assert drawn[20:, 16:].mean() > 4 * drawn[20:, :16].mean(), "the castle stands on the right"
    assert drawn[:6].sum() == 0, "an empty sky has no lines"
    assert outlined(3, 6, left_out=1.0)[1].sum() == 0

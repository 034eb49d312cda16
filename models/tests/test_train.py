"""Training at tiny size: exact resumption, warm start, what a run leaves, and every preset builds."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import train as training
from batches import Batches
from networks import build_networks, load_networks, save_networks, scheduler_config, warm_start
from presets import PRESETS
from sampling import SAMPLERS, encode_prompts, make_scheduler, sample, save_grid, to_uint8
from scenes_data import VOCABULARY
from scenes_data.vocabulary import SPECIAL, UNKNOWN, encode

@pytest.fixture(autouse=True)
def tiny_presets(monkeypatch):
    """The real presets with few channels."""
    tiny = {}
    for name, preset in PRESETS.items():
        channels = (8,) + (16,) * (len(preset.block_out_channels) - 1)
        heads = 4 if preset.text else 8
        text = 16 if preset.text else None
        tiny[name] = replace(
            preset, block_out_channels=channels, norm_num_groups=4, attention_head_dim=heads, text=text, batch=2
        )
    monkeypatch.setattr(training, "PRESETS", tiny)
    monkeypatch.setattr(training.Run, "draw_samples", lambda run: None)
    return tiny


@pytest.fixture
def picture_folder(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "animals").mkdir(parents=True)
    for i, name in enumerate(["red fox", "blue whale"]):
        pixels = np.full((20, 20, 4), 60 * i, np.uint8)
        Image.fromarray(pixels).save(folder / "animals" / f"{name.replace(' ', '_')}_{i}.png")
    (folder / "captions.json").write_text(json.dumps({"animals/red_fox_0.png": "a red fox"}))
    return folder


def run(out, **options):
    return training.train(training.Settings(out=str(out), device="cpu", **options))


def test_train_two_steps_then_two_more_equals_four_steps(tmp_path):
    whole = run(tmp_path / "whole", steps=4)
    settings = training.Settings(out=str(tmp_path / "parts"), steps=4, device="cpu")
    first = training.Run(training.PRESETS["scenes"], settings)
    for _ in range(2):
        first.advance()
    first.save()
    second = run(tmp_path / "parts", steps=4)
    assert second.step == 4
    for a, b in zip(whole.parameters, second.parameters, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(whole.average, second.average, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.parameters[0], second.parameters[0])


def test_train_leaves_networks_that_load_and_say_how_they_were_trained(tmp_path):
    done = run(tmp_path, steps=1)
    unet, text, vocabulary = load_networks(tmp_path / "final")
    assert vocabulary == VOCABULARY
    averaged = dict(zip([n for n, _ in done.unet.named_parameters()], done.average, strict=False))
    for name, value in unet.named_parameters():
        assert torch.equal(value, averaged[name])
    assert text(torch.tensor([encode(["red"])])).last_hidden_state.shape == (1, 40, 16)
    record = json.loads((tmp_path / "final" / "training.json").read_text())
    assert record["pictures_seen"] == 2 and record["steps"] == 1
    assert json.loads((tmp_path / "ema" / "scheduler_config.json").read_text())["prediction_type"] == "v_prediction"


def test_train_refuses_to_run_without_an_end(tmp_path):
    with pytest.raises(ValueError, match="without an end"):
        run(tmp_path)


def test_train_stops_when_the_minutes_are_used(tmp_path):
    assert run(tmp_path, minutes=0.0001).step == 1


def test_swap_average_twice_changes_nothing(tmp_path):
    model = run(tmp_path, steps=2)
    before = [p.detach().clone() for p in model.parameters]
    model.swap_average()
    assert not all(torch.equal(a, b) for a, b in zip(before, model.parameters, strict=True))
    model.swap_average()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters, strict=True))


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_trains(tmp_path, picture_folder, name):
    data = str(picture_folder) if PRESETS[name].data == "folder" else ""
    assert run(tmp_path / "run", preset=name, data=data, steps=1).loss > 0


def test_presets_build_at_the_sizes_they_promise():
    sizes = {}
    for name in ("scenes", "scenes-64", "scenes-ddpm"):
        unet, text = build_networks(PRESETS[name], VOCABULARY)
        sizes[name] = sum(p.numel() for n in (unet, text) if n is not None for p in n.parameters())
    assert 2 * sizes["scenes"] < 20e6 and 2 * sizes["scenes-64"] < 20e6
    assert 2 * sizes["scenes-ddpm"] < 12e6


def test_warm_start_moves_learned_words_to_their_new_numbers(tmp_path, tiny_presets):
    torch.manual_seed(0)
    preset = tiny_presets["scenes"]
    old_words = {"boat": 3, "red": 4}
    unet, text = build_networks(preset, SPECIAL | {"boat": 4})  # five tokens
    save_file(unet.state_dict(), tmp_path / "unet.safetensors")
    save_file(text.state_dict(), tmp_path / "text_encoder.safetensors")
    (tmp_path / "vocab.json").write_text(json.dumps(old_words))
    old = next(v for k, v in load_file(tmp_path / "text_encoder.safetensors").items() if "token_embedding" in k)
    new_unet, new_text = build_networks(preset, VOCABULARY)
    warm_start(tmp_path, new_unet, new_text, VOCABULARY)
    table = new_text.get_input_embeddings().weight
    assert torch.equal(table[VOCABULARY["boat"]], old[3]) and torch.equal(table[VOCABULARY["red"]], old[4])
    assert torch.equal(table[:3], old[:3])
    for a, b in zip(unet.parameters(), new_unet.parameters(), strict=True):
        assert torch.equal(a, b)


def test_warm_start_gives_a_model_without_text_what_fits(tmp_path, tiny_presets):
    old, _ = build_networks(tiny_presets["scenes"], VOCABULARY)
    save_file(old.state_dict(), tmp_path / "unet.safetensors")
    new, _ = build_networks(tiny_presets["scenes-ddpm"], {})
    attention = new.state_dict()["mid_block.attentions.0.to_q.weight"].clone()
    warm_start(tmp_path, new, None, {})
    assert torch.equal(new.conv_in.weight, old.conv_in.weight)
    assert torch.equal(new.down_blocks[2].resnets[0].conv1.weight, old.down_blocks[2].resnets[0].conv1.weight)
    assert torch.equal(new.state_dict()["mid_block.attentions.0.to_q.weight"], attention)


def test_noisy_timesteps_weigh_at_least_the_floor(tmp_path, tiny_presets):
    run = training.Run(tiny_presets["scenes"], training.Settings(out=str(tmp_path), steps=1))
    images, tokens, _ = run.batches.get(0)
    timesteps = torch.tensor([990, 990])
    arguments = (images[:2], tokens[:2], None, torch.zeros_like(images[:2]), timesteps)
    with_floor = run._errors(*arguments)
    run.preset = replace(run.preset, snr_floor=0.0)
    snr = run.alphas_cumprod[990] / (1 - run.alphas_cumprod[990])
    assert torch.allclose(run._errors(*arguments) * tiny_presets["scenes"].snr_floor / snr, with_floor, rtol=1e-4)


def test_batches_are_a_function_of_seed_and_number():
    preset = replace(PRESETS["scenes"], batch=8)
    images, tokens, beside = Batches(preset, 1, 8).get(3)
    assert beside is None
    again = Batches(preset, 1, 8)
    again.get(0)
    assert all(torch.equal(a, b) for a, b in zip((images, tokens), again.get(3)[:2], strict=True))
    assert images.shape == (8, 3, 32, 32) and images.min() >= -1 and images.max() <= 1
    assert not torch.equal(images, Batches(preset, 2, 8).get(3)[0])


@pytest.mark.parametrize(("name", "channels"), [("scenes-control", 3), ("scenes-inpaint", 1)])
def test_batches_hold_what_is_read_beside(name, channels):
    beside = Batches(replace(PRESETS[name], batch=12), 1, 12).get(0)[2]
    assert beside.shape == (12, channels, 32, 32) and beside.dtype == torch.float32
    assert beside.min() == 0 and beside.max() == 1
    assert 0.02 < beside.mean() < 0.9


def test_a_control_network_adds_nothing_before_it_is_trained_and_leaves_the_unet_as_it_was(tmp_path, tiny_presets):
    control = training.Run(tiny_presets["scenes-control"], training.Settings(out=str(tmp_path), steps=2))
    images, tokens, lines = control.batches.get(0)
    hidden, timesteps = control.text(tokens).last_hidden_state, torch.tensor([500, 500])
    alone = control.unet(images, timesteps, hidden).sample
    assert torch.allclose(control._conditioned(images, lines)(images, timesteps, hidden).sample, alone, atol=1e-5)
    before = [p.clone() for p in control.unet.parameters()]
    control.advance()
    assert all(torch.equal(a, b) for a, b in zip(before, control.unet.parameters(), strict=True))
    assert not torch.allclose(control._conditioned(images, lines)(images, timesteps, hidden).sample, alone, atol=1e-6)


def test_an_inpainting_unet_starts_as_its_model_and_reads_mask_and_picture(tmp_path, tiny_presets):
    unet, text = build_networks(tiny_presets["scenes"], VOCABULARY)
    save_networks(tmp_path / "start", tiny_presets["scenes"], unet, text, VOCABULARY, {})
    settings = training.Settings(out=str(tmp_path), steps=2, init=str(tmp_path / "start"))
    inpaint = training.Run(tiny_presets["scenes-inpaint"], settings)
    images, tokens, mask = inpaint.batches.get(0)
    hidden, timesteps = text(tokens).last_hidden_state, torch.tensor([500, 500])
    conditioned = inpaint._conditioned(images, mask)
    assert torch.allclose(conditioned(images, timesteps, hidden).sample, unet(images, timesteps, hidden).sample, atol=1e-5)
    inpaint.advance()
    assert not torch.allclose(
        conditioned(images, timesteps, hidden).sample,
        inpaint._conditioned(images, 1 - mask)(images, timesteps, hidden).sample,
    )


def test_batches_drop_captions_and_hide_words_at_the_shares_asked_for():
    preset = replace(PRESETS["scenes"], caption_dropout=0.5, unknown_word=1.0)
    tokens = Batches(preset, 0, 200).get(0)[1]
    empty = (tokens == torch.tensor(encode([]))).all(1)
    assert 0.35 < empty.float().mean() < 0.65
    assert ((tokens == UNKNOWN).sum(1)[~empty] == 1).all()
    plain = Batches(replace(preset, caption_dropout=0.0, unknown_word=0.0), 0, 50).get(0)[1]
    assert (plain != UNKNOWN).all() and (plain[:, 1] != SPECIAL["[EOS]"]).all()


def test_picture_folder_takes_captions_from_the_list_or_the_name(picture_folder):
    batches = Batches(replace(PRESETS["emoji"], caption_dropout=0.0, unknown_word=0.0), 0, 8, picture_folder)
    assert set(batches.vocabulary) == {*SPECIAL, "a", "red", "fox", "blue", "whale"}
    images, tokens, _ = batches.get(0)
    assert images.shape == (8, 3, 64, 64) and tokens.max() < len(batches.vocabulary)


def test_batches_mirror_half_the_pictures_where_the_preset_says_so(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    left = Batches(PRESETS["ddpm-cifar10"], 0, 64, tmp_path).get(0)[0][:, 0, 0, 0] > 0
    assert 0.3 < left.float().mean() < 0.7


def test_folder_presets_name_the_missing_option():
    with pytest.raises(ValueError, match="--data"):
        Batches(PRESETS["emoji"], 0, 1)


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_sample_with_the_exact_denoiser_of_one_picture_returns_it(sampler):
    """For a single picture x0 the best velocity is known, so every sampler must end there."""
    target = torch.linspace(-0.9, 0.9, 3 * 8 * 8).view(1, 3, 8, 8)
    config = scheduler_config(PRESETS["scenes"])
    scheduler = make_scheduler(sampler, config)
    alphas = scheduler.alphas_cumprod

    def unet(x, timestep):
        alpha = alphas[int(timestep)]
        noise = (x - alpha.sqrt() * target) / (1 - alpha).sqrt()
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * target
        return type("Output", (), {"sample": velocity})

    noise = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    result = sample(unet, None, scheduler, None, noise, steps=20)
    assert (result - target).abs().max() < 0.02


def test_sample_guides_away_from_the_empty_caption(tiny_presets):
    torch.manual_seed(0)
    unet, text = build_networks(tiny_presets["scenes"], VOCABULARY)
    noise = torch.randn(1, 3, 32, 32)
    tokens = encode_prompts(["a red boat"], VOCABULARY)
    config = scheduler_config(tiny_presets["scenes"])
    results = [sample(unet, text, make_scheduler("ddim", config), tokens, noise, 2, guidance) for guidance in (1.0, 3.0)]
    assert not torch.equal(*results)


def test_save_grid_places_pictures_in_rows(tmp_path):
    pictures = to_uint8(torch.stack([torch.full((3, 4, 4), v) for v in (-1.0, 0.0, 1.0, 3.0)]))
    assert pictures[3].min() == 255 and pictures[0].max() == 0
    save_grid(pictures, 2, tmp_path / "grid.png", zoom=1)
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert grid.shape == (10, 10, 3) and grid[5, 0, 0] == 255 and grid[0, 5, 0] == 128

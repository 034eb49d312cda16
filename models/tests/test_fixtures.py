"""The fixtures: the script still makes the same graphs, and they compute what PyTorch does."""

import json

import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

import check_export
import fixtures
from clip_tokenizer import learn_merges
from half_scalars import two_factors
from hooks import matches

torch.set_num_threads(1)

# Those that the tracing exporter makes, and the quickest of the other's; `fixtures.py --check` does all.
QUICK = [name for name in fixtures.FIXTURES if "dynamo" not in name] + ["tiny-ddpm-dynamo-static"]
# bytes of a folder, and of what comes on top: a VAE's encoder, each ControlNet
LIMIT, ENCODER_LIMIT, CONTROLNET_LIMIT = 300_000, 50_000, 100_000


@pytest.mark.parametrize("name", QUICK)
def test_make_gives_the_same_graphs_as_the_folder(name, tmp_path):
    fixtures.make(name, tmp_path)
    assert fixtures.differences(tmp_path / name, fixtures.HERE / name) == []


@pytest.mark.parametrize("name", fixtures.FIXTURES)
def test_folder_is_small_and_opens_in_onnxruntime(name):
    folder = fixtures.HERE / name
    fixture = fixtures.FIXTURES[name]
    limit = LIMIT + ENCODER_LIMIT * fixture.encodes + CONTROLNET_LIMIT * len(fixture.controls)
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < limit
    for path in folder.rglob("model.onnx"):
        onnxruntime.InferenceSession(path)
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] in fixtures.PIPELINES.values()


@pytest.mark.parametrize("name", [n for n, f in fixtures.FIXTURES.items() if f.kind in ("text", "sd", "ddpm")])
def test_onnx_equals_pytorch(name):
    parts, folder = fixtures.build(name), fixtures.HERE / name
    batch = parts.fixture.batch
    assert check_export.check_unet(parts.unet, folder, batch, fixtures.LENGTH) < check_export.TOLERANCE
    if parts.text_encoder is not None:
        assert check_export.check_text_encoder(parts.text_encoder, folder, batch) < check_export.TOLERANCE
    if parts.vae is not None:
        assert check_export.check_vae(parts.vae, folder, batch, parts.fixture.size) < check_export.TOLERANCE


def test_weights_lie_beside_the_file_under_the_name_asked_for():
    graph = onnx.load(fixtures.HERE / "tiny-sd-ts/unet/model.onnx", load_external_data=False).graph
    places = {e.value for t in graph.initializer for e in t.external_data if e.key == "location"}
    assert places == {"weights.pb"}


def test_wrapped_dynamo_export_carries_the_prefix():
    graph = onnx.load(fixtures.HERE / "tiny-sd-dynamo/unet/model.onnx", load_external_data=False).graph
    scopes = [p.value for n in graph.node for p in n.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
    assert any("'unet.down_blocks.0'" in scope for scope in scopes)


def test_learn_merges_joins_the_commonest_pair_first():
    assert learn_merges(["aab", "aab", "ab"], 2) == [("a", "b</w>"), ("a", "ab</w>")]


def test_two_factors_are_exact_to_ten_to_the_minus_six():
    for value in (1.702, 8**-0.25, 80**-0.5):
        first, second = two_factors(value)
        assert abs(float(first) * float(second) / value - 1) < 1e-6


def test_patterns_reach_skips_only_by_their_ending():
    assert matches("**.skip", "up_blocks.1.resnets.0.skip")
    assert not matches("**", "up_blocks.1.resnets.0.skip")
    assert matches("**.attn2", "mid_block.attentions.0.transformer_blocks.0.attn2")
    assert not matches("up_blocks.*", "up_blocks.1.resnets.0")


def test_float16_files_hold_float16_values_of_the_module():
    parts = fixtures.build("tiny-text-ts-f16")
    graph = onnx.load(fixtures.HERE / "tiny-text-ts-f16/unet/model.onnx").graph
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    weight = parts.unet.conv_in.weight.detach().numpy()
    assert stored["conv_in.weight"].dtype == "float16" and (stored["conv_in.weight"] == weight).all()

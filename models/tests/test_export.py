"""Exporting a checkpoint folder, and checking the export, at tiny size."""

import json
import shutil

import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

import check_export
import export
import fixtures
import shipped
from beside import control_network
from onnx_export import OnnxOptions, export_onnx, Value
from word_tokenizer import write_word_tokenizer

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    parts = fixtures.build("tiny-text-ts")
    for name, module in (("unet", parts.unet), ("text_encoder", parts.text_encoder)):
        save_file(dict(module.state_dict()), folder / f"{name}.safetensors")
    unet = {**export.plain_config(parts.unet.config), "_class_name": "UNet2DConditionModel"}
    export.write_json(folder / "unet_config.json", unet)
    export.write_json(folder / "text_encoder_config.json", parts.text_encoder.config.to_dict())
    export.write_json(folder / "scheduler_config.json", fixtures.SCHEDULERS["ddim"])
    export.write_json(folder / "vocab.json", {word: i for i, word in enumerate(fixtures.WORDS, 3)})
    return folder


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_export_passes_its_check(checkpoint, tmp_path, dtype):
    export.export_model(export.Settings(checkpoint, tmp_path, dtype, guidance_scale=3.0))
    check_export.main(check_export.Settings(checkpoint, tmp_path))
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "PixelTextToImagePipeline" and index["guidance_scale"] == 3.0


def test_a_controlnet_is_exported_alone_and_adds_what_it_adds_in_pytorch(checkpoint, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(checkpoint, source)
    control = control_network(export.load_unet(checkpoint))
    for parameter in control.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    control.save_pretrained(source / "controlnet")
    export.export_only(export.Settings(source, tmp_path / "alone", "float32", only="controlnet"))
    session = onnxruntime.InferenceSession(tmp_path / "alone" / "model.onnx")
    size, width = control.config.in_channels, control.config.cross_attention_dim
    feeds = [torch.randn(2, size, 16, 16), torch.tensor([40]), torch.randn(2, 7, width), torch.rand(2, 3, 16, 16)]
    names = [value.name for value in session.get_inputs()]
    down, mid = control.eval()(*feeds, return_dict=False)
    given = session.run(None, {name: value.numpy() for name, value in zip(names, feeds, strict=True)})
    for found, wanted in zip(given, (*down, mid), strict=True):
        assert torch.allclose(torch.from_numpy(found), wanted, atol=1e-4 * wanted.abs().max().item())
    with pytest.raises(SystemExit, match="controlnet"):
        export.export_only(export.Settings(checkpoint, tmp_path / "none", only="controlnet"))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shipped_reads_an_export_back_into_the_weights_that_it_was_made_from(checkpoint, tmp_path, dtype):
    export.export_model(export.Settings(checkpoint, tmp_path / "model", dtype))
    shipped.unpack(tmp_path / "model", tmp_path / "source")
    check_export.main(check_export.Settings(tmp_path / "source", tmp_path / "model"))
    read, text, vocabulary = shipped.load_shipped(tmp_path / "model")
    assert vocabulary["boat"] == json.loads((checkpoint / "vocab.json").read_text())["boat"]
    for module, source in ((read, export.load_unet(checkpoint)), (text, export.load_text_encoder(checkpoint))):
        given = dict(module.named_parameters())
        assert set(given) == set(dict(source.named_parameters()))
        for name, value in source.named_parameters():
            assert torch.equal(given[name], value.to(getattr(torch, dtype)).float()), name


def test_shipped_says_what_a_file_lacks(checkpoint, tmp_path):
    export.export_model(export.Settings(checkpoint, tmp_path, "float32"))
    config = json.loads((tmp_path / "unet" / "config.json").read_text())
    config["layers_per_block"] += 1
    export.write_json(tmp_path / "unet" / "config.json", config)
    with pytest.raises(ValueError, match="it lacks .*resnets.1"):
        shipped.load_shipped(tmp_path)


def test_check_refuses_other_weights(checkpoint, tmp_path):
    export.export_model(export.Settings(checkpoint, tmp_path, "float32"))
    weights = next((tmp_path / "unet").glob("weights-*.bin"))
    weights.write_bytes(bytes(4000) + weights.read_bytes()[4000:])
    with pytest.raises(SystemExit):
        check_export.main(check_export.Settings(checkpoint, tmp_path))


def test_export_without_a_unet_says_so(tmp_path):
    export.write_json(tmp_path / "scheduler_config.json", fixtures.SCHEDULERS["ddim"])
    with pytest.raises(SystemExit, match="no unet/config.json"):
        export.export_model(export.Settings(tmp_path, tmp_path / "out"))


def test_external_data_is_split_before_the_limit(tmp_path):
    module = torch.nn.Sequential(*(torch.nn.Linear(32, 32) for _ in range(4)))
    options = OnnxOptions(external="weights.bin", part_bytes=10_000)
    inputs = [(Value("x"), torch.randn(1, 32))]
    export_onnx(module, inputs, [Value("y")], tmp_path / "model.onnx", options)
    parts = sorted(tmp_path.glob("weights-*.bin"))
    assert [f.stat().st_size for f in parts] == [8192, 8192]
    import onnxruntime

    onnxruntime.InferenceSession(tmp_path / "model.onnx")


def test_word_tokenizer_lowers_splits_pads_and_marks_unknown_words(tmp_path):
    from tokenizers import Tokenizer

    write_word_tokenizer(tmp_path, {"red": 3, "boat": 4}, 8)
    encode = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode
    assert encode("Red, BOAT7 ship!").ids == [1, 3, 4, 5, 2, 0, 0, 0]
    assert encode("").ids == [1, 2, 0, 0, 0, 0, 0, 0]


def test_word_tokenizer_keeps_the_special_words_that_the_vocabulary_names(tmp_path):
    from tokenizers import Tokenizer

    vocab = {"[PAD]": 0, "[BOS]": 1, "[EOS]": 2, "[UNK]": 3, "boat": 4}
    write_word_tokenizer(tmp_path, vocab, 6)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.get_vocab() == vocab
    assert tokenizer.encode("a boat").ids == [1, 3, 4, 2, 0, 0]


def test_word_tokenizer_refuses_gaps(tmp_path):
    with pytest.raises(ValueError, match="a gap or a double"):
        write_word_tokenizer(tmp_path, {"red": 4}, 8)

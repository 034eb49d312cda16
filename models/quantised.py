"""Writes a Unet again in eight and four bits, as people make such files with ONNX Runtime's tools.

    python quantised.py FOLDER OUT      OUT: the folder, with unet/model.onnx in float32 and others beside it by dtype
    python quantised.py                 tiny-quantised/, which the tests read: one small Unet, quantised in every manner

`phaseskip generate OUT --dtype int8` then draws with one of them, and `npm run bench:dtypes OUT` compares them all.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

import export
import fixtures
from onnx_export import OnnxOptions

HERE = Path(__file__).parent
PRODUCTS = ["MatMul", "Gemm", "Conv"]
TINY = fixtures.Fixture(
    "text",
    {**fixtures.SMALL, "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2},
    OnnxOptions(dynamic=False, verbatim=False),
    batch=1,
    seed=21,
)


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float16 model in float32, which is what the tools take."""
    kinds = {TensorProto.FLOAT16: TensorProto.FLOAT}
    for tensor in model.graph.initializer:
        if tensor.data_type in kinds:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        kind = value.type.tensor_type
        kind.elem_type = kinds.get(kind.elem_type, kind.elem_type)
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                attribute.i = kinds.get(attribute.i, attribute.i)
            elif attribute.t.data_type in kinds:
                array = numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(numpy_helper.from_array(array))
    return model


class Samples:
    """What the static tools calibrate on: noise for every input."""

    def __init__(self, model: onnx.ModelProto, count: int = 4):
        rng = np.random.default_rng(0)
        self.left = [{value.name: self.noise(value, rng) for value in model.graph.input} for _ in range(count)]

    @staticmethod
    def noise(value: onnx.ValueInfoProto, rng: np.random.Generator) -> np.ndarray:
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.name == "timestep":
            return np.full(dims, rng.integers(1, 1000), np.int64)
        return rng.standard_normal(dims).astype(np.float32)

    def get_next(self):
        return self.left.pop() if self.left else None


def dynamic(source: Path, out: Path, kind: QuantType) -> None:
    """Eight bits; what is multiplied by the weights is quantised as it comes."""
    quantize_dynamic(source, out, weight_type=kind, op_types_to_quantize=PRODUCTS)


def static(source: Path, out: Path, form: QuantFormat) -> None:
    """Eight bits throughout, on grids that a few runs tell."""
    samples = Samples(onnx.load(source))
    quantize_static(source, out, samples, quant_format=form, activation_type=QuantType.QUInt8)


def four_bits(source: Path, out: Path) -> None:
    """Four bits in linear layers, in blocks of 32."""
    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    onnx.save(quantizer.model.model, out)


#: By what their files are called: how they are made of a float32 one.
FORMS = {
    "int8": lambda source, out: dynamic(source, out, QuantType.QInt8),
    "uint8": lambda source, out: dynamic(source, out, QuantType.QUInt8),
    "q4": four_bits,
}
STATIC = {
    "qdq": lambda source, out: static(source, out, QuantFormat.QDQ),
    "qoperator": lambda source, out: static(source, out, QuantFormat.QOperator),
}


def write_folder(folder: Path, out: Path) -> None:
    """The folder in every dtype."""
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("unet", "plans"))
    (out / "unet").mkdir()
    shutil.copy(folder / "unet" / "config.json", out / "unet" / "config.json")
    source = out / "unet" / "model.onnx"
    onnx.save(widened(onnx.load(folder / "unet" / "model.onnx")), source)
    for name, make in FORMS.items():
        make(source, out / "unet" / f"model_{name}.onnx")


def write_tiny(out: Path) -> None:
    """One small Unet in every form, without a pipeline around it."""
    fixtures.FIXTURES["tiny"] = TINY
    unet = fixtures.build("tiny").unet
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(0)
        export.export_unet(unet, Path(scratch), TINY.options, batch=1, sequence=fixtures.LENGTH)
        source = Path(scratch) / "unet" / "model.onnx"
        (out / "unet").mkdir(parents=True)
        for name, make in {**FORMS, **STATIC}.items():
            if name == "uint8":
                continue  # as int8, in other numbers
            path = out / "unet" / f"model_{name}.onnx"
            make(source, path)
            model = onnx.load(path)
            del model.graph.value_info[:]
            onnx.save(model, path)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        write_folder(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        write_tiny(HERE / "tiny-quantised")

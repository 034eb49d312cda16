"""Writes the shapes that onnxruntime gives every value, for the tests of packages/graph.

    python golden_shapes.py       into packages/graph/test/golden/

`shapes.json`: the Unets of `tiny-*` at several sizes. A case lists, for each output of each node in the
file's order, an index into `kinds`: `4,8` is a shape, `2=4,8` the shape [2] with the integers 4 and 8.
`operators.json`: single nodes, with attributes and known inputs that the fixtures lack.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

HERE = Path(__file__).parent
OUT = HERE.parent / "packages" / "graph" / "test" / "golden"
MOST = 12  # integers that are kept of one value

FIXED = [{}]
BATCHES = [{"batch": 1}, {"batch": 2}]
SIZES = [{"batch": 1}, {"batch": 2, "height": 24, "width": 8, "tokens": 5}]
CASES = {
    "tiny-text-ts": SIZES,
    "tiny-text-dynamo": SIZES,
    "tiny-ddpm-ts": BATCHES,
    "tiny-sd-ts": SIZES,
    "tiny-sd-dynamo": SIZES,
    "tiny-text-ts-f16": SIZES,
    "tiny-text-dynamo-f16": SIZES,
    "tiny-text-ts-static": FIXED,
    "tiny-ddpm-dynamo-static": FIXED,
}
NUMPY = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.INT64: np.int64}


def session(model: onnx.ModelProto, folder: Path | None = None) -> onnxruntime.InferenceSession:
    """An unoptimised session on one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def describe(value: np.ndarray) -> str:
    """The shape and, where it is small and whole numbers, the elements."""
    shape = ",".join(map(str, value.shape))
    if value.dtype.kind not in "ib" or value.size > MOST:
        return shape
    return f"{shape}={','.join(str(int(v)) for v in value.flatten())}"


def input_dims(value: onnx.ValueInfoProto, size: dict) -> list[int]:
    """The input's shape at a size."""
    chosen = {
        "sample": [size.get("batch", 1), 4, size.get("height", 16), size.get("width", 16)],
        "timestep": [1],
        "encoder_hidden_states": [size.get("batch", 1), size.get("tokens", 12), 8],
    }[value.name]
    declared = value.type.tensor_type.shape.dim
    return [d.dim_value or wanted for d, wanted in zip(declared, chosen)]


def every_shape(folder: Path, size: dict) -> list[str]:
    """What onnxruntime makes of every value of the Unet."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    names = [name for node in model.graph.node for name in node.output]
    constants = {node.output[0]: node for node in model.graph.node if node.op_type == "Constant"}
    initializers = {tensor.name for tensor in model.graph.initializer}
    aliases = {n.output[0] for n in model.graph.node if n.op_type == "Identity" and n.input[0] in initializers}
    asked = [name for name in names if name not in constants and name not in aliases]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in asked)
    rng = np.random.default_rng(0)
    feeds = {}
    for value in model.graph.input:
        dtype = NUMPY[value.type.tensor_type.elem_type]
        dims = input_dims(value, size)
        feeds[value.name] = np.full(dims, 500, dtype) if value.name == "timestep" else rng.normal(size=dims).astype(dtype)
    made = dict(zip(asked, session(model, folder).run(asked, feeds)))
    for name, node in constants.items():
        made[name] = onnx.numpy_helper.to_array(node.attribute[0].t)
    return [describe(made[name]) if name in made else "" for name in names]


def make_shapes() -> dict:
    """All fixtures, all sizes."""
    kinds: dict[str, int] = {}
    cases = []
    for model, sizes in CASES.items():
        for size in sizes:
            found = every_shape(HERE / model / "unet", size)
            cases.append({"model": model, "size": size, "values": [kinds.setdefault(k, len(kinds)) for k in found]})
    return {"kinds": list(kinds), "cases": cases}


F, I = TensorProto.FLOAT, TensorProto.INT64


def given(*dims: int) -> dict:
    """An input whose values are not known."""
    return {"dims": list(dims)}


def known(values, type_=I, dims=None) -> dict:
    """An input whose values are known."""
    return {"dims": [len(values)] if dims is None else dims, "type": type_, "values": list(values)}


def scalar(value, type_=I) -> dict:
    """A known scalar."""
    return known([value], type_, [])


OPERATORS = [
    # op, inputs, attributes, number of outputs, opset
    ("Slice", [given(5, 7), known([-1, 6]), known([-6, -99]), known([0, 1]), known([-1, -2])], {}, 1, 17),
    ("Slice", [given(5, 7), known([3]), known([2**62]), known([-1]), known([2])], {}, 1, 17),
    ("Slice", [given(5, 7), known([4]), known([2]), known([0])], {}, 1, 17),
    ("Slice", [known(range(7)), known([-1]), known([-(2**62)]), known([0]), known([-2])], {}, 1, 17),
    ("Slice", [known(range(6), I, [2, 3]), known([1, 0]), known([2, 2])], {}, 1, 17),
    ("Slice", [given(5, 7)], {"starts": [1], "ends": [-1], "axes": [1]}, 1, 9),
    ("Gather", [known([3, 5, 7]), scalar(-1)], {}, 1, 17),
    ("Gather", [known([3, 5, 7]), known([-1, 0, -3])], {}, 1, 17),
    ("Gather", [known(range(6), I, [2, 3]), known([-1, 1], I, [1, 2])], {"axis": 1}, 1, 17),
    ("Gather", [given(4, 5, 6), known([0, -1], I, [2, 1])], {"axis": -2}, 1, 17),
    ("GatherND", [given(4, 5, 6), known([0, 1, 2, 3], I, [2, 2])], {}, 1, 17),
    ("GatherND", [given(2, 5, 6), known([0, 1], I, [2, 1])], {"batch_dims": 1}, 1, 17),
    ("GatherElements", [given(3, 3), known([0, 1, 2, 0], I, [2, 2])], {"axis": 1}, 1, 17),
    ("Reshape", [given(2, 3, 4), known([0, -1])], {}, 1, 17),
    ("Reshape", [given(2, 3, 4), known([4, 0, -1])], {}, 1, 17),
    ("Reshape", [given(0, 3), known([3, 0])], {"allowzero": 1}, 1, 17),
    ("Reshape", [given(2, 3, 4), known([24])], {}, 1, 17),
    ("Flatten", [given(2, 3, 4)], {"axis": -1}, 1, 17),
    ("Flatten", [given(2, 3, 4)], {"axis": 0}, 1, 17),
    ("Flatten", [given(2, 3, 4)], {"axis": 3}, 1, 17),
    ("Transpose", [given(2, 3, 4)], {}, 1, 17),
    ("Transpose", [known(range(6), I, [2, 3])], {"perm": [1, 0]}, 1, 17),
    ("Squeeze", [given(1, 3, 1, 4)], {}, 1, 17),
    ("Squeeze", [given(1, 3, 1, 4), known([-2])], {}, 1, 17),
    ("Squeeze", [given(1, 3, 1, 4)], {"axes": [0]}, 1, 11),
    ("Unsqueeze", [given(3, 4), known([-1, 0])], {}, 1, 17),
    ("Unsqueeze", [given(3, 4)], {"axes": [1, 3]}, 1, 11),
    ("Concat", [known([1, 2]), known([3])], {"axis": -1}, 1, 17),
    ("Concat", [given(2, 3, 4), given(2, 5, 4)], {"axis": -2}, 1, 17),
    ("Split", [given(7, 2)], {"axis": 0, "num_outputs": 3}, 3, 18),
    ("Split", [given(2, 7), known([1, 4, 2])], {"axis": -1}, 3, 17),
    ("Split", [known(range(6)), known([2, 4])], {"axis": 0}, 2, 17),
    ("Split", [given(2, 6)], {"axis": 1, "split": [1, 5]}, 2, 11),
    ("Split", [given(2, 6)], {"axis": 1}, 2, 17),
    ("Expand", [given(3, 1), known([2, 1, 6])], {}, 1, 17),
    ("Expand", [given(2, 3, 4), known([4])], {}, 1, 17),
    ("Expand", [known([1, 2], I, [2, 1]), known([2, 3])], {}, 1, 17),
    ("Tile", [known([1, 2, 3, 4], I, [2, 2]), known([2, 3])], {}, 1, 17),
    ("Pad", [given(2, 3), known([0, 1, 2, 3])], {}, 1, 17),
    ("Pad", [given(2, 5), known([0, -2, 0, 1])], {}, 1, 17),
    ("Pad", [given(2, 3, 4), known([1, 2]), scalar(0.0, F), known([-1])], {}, 1, 18),
    ("Pad", [given(2, 3)], {"pads": [0, 1, 2, 3], "mode": "constant"}, 1, 9),
    ("Shape", [given(2, 3, 4)], {"start": -2}, 1, 17),
    ("Shape", [given(2, 3, 4)], {"start": 1, "end": -1}, 1, 17),
    ("Size", [given(2, 3, 4)], {}, 1, 17),
    ("DepthToSpace", [given(2, 8, 3, 4)], {"blocksize": 2}, 1, 17),
    ("SpaceToDepth", [given(2, 3, 4, 6)], {"blocksize": 2}, 1, 17),
    ("Resize", [given(1, 2, 4, 5), None, known([1.0, 1.0, 2.0, 1.5], F)], {}, 1, 17),
    ("Resize", [given(1, 2, 4, 5), None, known([1.0, 1.0, 0.6, 0.6], F)], {"mode": "linear"}, 1, 17),
    ("Resize", [given(1, 2, 4, 5), None, None, known([1, 2, 7, 3])], {}, 1, 17),
    ("Resize", [given(1, 2, 4, 5), None, known([2.0, 3.0], F)], {"axes": [2, 3]}, 1, 18),
    ("Resize", [given(1, 2, 4, 5), None, None, known([8, 9])], {"axes": [-2, -1]}, 1, 18),
    ("Resize", [given(1, 2, 4, 5), known([1.0, 1.0, 2.0, 2.0], F)], {}, 1, 10),
    ("Upsample", [given(1, 2, 4, 5), known([1.0, 1.0, 2.0, 3.0], F)], {}, 1, 9),
    ("Conv", [given(1, 4, 9, 8), given(6, 2, 3, 3)], {"group": 2, "strides": [2, 1], "pads": [1, 0, 0, 2]}, 1, 17),
    ("Conv", [given(1, 4, 9, 8), given(6, 4, 3, 3)], {"dilations": [2, 1], "auto_pad": "VALID"}, 1, 17),
    ("Conv", [given(1, 4, 9, 8), given(6, 4, 3, 3)], {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 1, 17),
    ("Conv", [given(2, 4, 9), given(6, 4, 3), given(6)], {"pads": [1, 1]}, 1, 17),
    ("ConvTranspose", [given(1, 4, 5, 6), given(4, 3, 3, 3)], {"strides": [2, 3], "pads": [1, 1, 0, 1]}, 1, 17),
    ("ConvTranspose", [given(1, 4, 5, 6), given(4, 3, 4, 4)], {"group": 2, "strides": [2, 2], "output_padding": [1, 0]}, 1, 17),
    ("ConvTranspose", [given(1, 4, 5, 6), given(4, 3, 3, 3)], {"strides": [2, 2], "output_shape": [10, 12]}, 1, 17),
    ("ConvTranspose", [given(1, 4, 5, 6), given(4, 3, 3, 3)], {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 1, 17),
    ("AveragePool", [given(1, 2, 7, 8)], {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}, 1, 17),
    ("MaxPool", [given(1, 2, 7, 8)], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}, 2, 17),
    ("GlobalAveragePool", [given(1, 2, 7, 8)], {}, 1, 17),
    ("MatMul", [given(2, 1, 3, 4), given(5, 4, 6)], {}, 1, 17),
    ("MatMul", [given(4), given(5, 4, 6)], {}, 1, 17),
    ("MatMul", [given(2, 3, 4), given(4)], {}, 1, 17),
    ("MatMul", [given(4), given(4)], {}, 1, 17),
    ("Gemm", [given(4, 2), given(5, 4), given(5)], {"transA": 1, "transB": 1}, 1, 17),
    ("Einsum", [given(2, 3, 4), given(2, 5, 4)], {"equation": "b i d, b j d -> b i j"}, 1, 17),
    ("Einsum", [given(2, 3), given(3, 4)], {"equation": "zj,jk"}, 1, 17),
    ("Einsum", [given(4, 4)], {"equation": "ii"}, 1, 17),
    ("Einsum", [given(2, 3), given(3)], {"equation": "ij,j->"}, 1, 17),
    ("ReduceMean", [given(2, 3, 4)], {"axes": [-1], "keepdims": 0}, 1, 17),
    ("ReduceMean", [given(2, 3, 4), known([0, 2])], {}, 1, 18),
    ("ReduceSum", [given(2, 3, 4)], {"noop_with_empty_axes": 1}, 1, 17),
    ("ReduceSum", [given(2, 3, 4)], {"keepdims": 0}, 1, 17),
    ("ReduceProd", [known([2, 3, 4])], {"keepdims": 0}, 1, 17),
    ("ReduceMax", [known([2, 9, 4])], {"keepdims": 1}, 1, 17),
    ("ReduceMin", [known([2, 9, 1, 3], I, [2, 2])], {"keepdims": 0}, 1, 17),
    ("ArgMax", [given(2, 3, 4)], {"axis": -2, "keepdims": 0}, 1, 17),
    ("LayerNormalization", [given(2, 3, 4), given(4)], {"axis": -1}, 3, 17),
    ("Softmax", [given(2, 3, 4)], {"axis": 1}, 1, 17),
    ("Where", [known([1, 0, 1], TensorProto.BOOL), known([1, 2, 3]), known([7])], {}, 1, 17),
    ("Equal", [known([1, -1, 3]), scalar(-1)], {}, 1, 17),
    ("Div", [known([7, -7, 8]), known([2, 2, -3])], {}, 1, 17),
    ("Mod", [known([7, -7, 7, -7]), known([3, 3, -3, -3])], {}, 1, 17),
    ("Mod", [known([7, -7, 7, -7]), known([3, 3, -3, -3])], {"fmod": 1}, 1, 17),
    ("Mul", [known([7, 2**40]), known([3])], {}, 1, 17),
    ("Cast", [known([2.9, -2.9, 0.2], F)], {"to": int(I)}, 1, 17),
    ("Cast", [known([0, 5, -1])], {"to": int(TensorProto.BOOL)}, 1, 17),
    ("Floor", [known([2.9, -2.9], F)], {}, 1, 17),
    ("Range", [scalar(1), scalar(10), scalar(4)], {}, 1, 17),
    ("Range", [scalar(5), scalar(-1), scalar(-2)], {}, 1, 17),
    ("ConstantOfShape", [known([2, 3])], {}, 1, 17),
    ("Max", [known([1, 5]), known([4]), known([2, 2])], {}, 1, 17),
    ("Attention", [given(2, 4, 6, 8), given(2, 4, 5, 8), given(2, 4, 5, 3)], {}, 1, 23),
    ("Attention", [given(2, 6, 32), given(2, 5, 32), given(2, 5, 12)], {"q_num_heads": 4, "kv_num_heads": 4}, 1, 23),
    ("Attention", [given(2, 6, 32), given(2, 5, 16), given(2, 5, 12)], {"q_num_heads": 4, "kv_num_heads": 2}, 1, 23),
]  # fmt: skip


def run_operator(op: str, inputs: list, attributes: dict, outputs: int, opset: int) -> dict:
    """One node on its own."""
    graph_inputs, weights, feeds, names = [], [], {}, []
    rng = np.random.default_rng(0)
    for slot, value in enumerate(inputs):
        names.append("" if value is None else f"x{slot}")
        if value is None:
            continue
        if "values" in value:
            weights.append(helper.make_tensor(names[-1], value["type"], value["dims"], value["values"]))
        else:
            graph_inputs.append(helper.make_tensor_value_info(names[-1], F, value["dims"]))
            feeds[names[-1]] = rng.normal(size=value["dims"]).astype(np.float32)
    made = [f"y{slot}" for slot in range(outputs)]
    node = helper.make_node(op, names, made, **attributes)
    graph = helper.make_graph([node], op, graph_inputs, [onnx.ValueInfoProto(name=name) for name in made], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 23 else 10)
    found = [describe(value) for value in session(model).run(made, feeds)]
    return {"op": op, "opset": opset, "inputs": inputs, "attributes": attributes, "outputs": found}


def write(path: Path, value: dict | list[str]) -> None:
    """Compact JSON; a list one entry a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, list):
        path.write_text("[\n" + ",\n".join(value) + "\n]\n")
    else:
        path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def main() -> None:
    """Writes both files."""
    write(OUT / "shapes.json", make_shapes())
    write(OUT / "operators.json", [json.dumps(run_operator(*case)) for case in OPERATORS])


if __name__ == "__main__":
    main()

"""Puts right what exporting a float16 module does to scalar factors.

The tracing exporter rounds literals (attention's scale, quick GELU's 1.702) to float16, which moves the
result by 1e-4, or leaves them in float32 beside float16 values, which no runtime accepts. Here every scalar factor is float16, and one that float16 cannot hold becomes a product of two that it
can, exact to about 1e-7.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

HALF, SINGLE = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
ENOUGH = 2e-6  # relative error that needs no second factor


def two_factors(value: float) -> tuple[np.float16, np.float16]:
    """Two float16 numbers whose product is nearest to `value`."""
    mantissas = (1 + np.arange(1024) / 1024).astype(np.float16)
    others = (value / mantissas.astype(np.float64)).astype(np.float16)
    errors = np.abs(mantissas.astype(np.float64) * others.astype(np.float64) - value)
    best = int(errors.argmin())
    return mantissas[best], others[best]


def repair_half_scalars(model: onnx.ModelProto, exact: dict[str, float]) -> None:
    """Makes the scalar factors of `Mul` float16 and as exact as two of them can be, in place.

    `exact` maps a scalar as float16 rounds it, as text, to the value that was meant.
    """
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in [*inferred.value_info, *graph.input]}
    scalars = {}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].type == onnx.AttributeProto.TENSOR:
            tensor = node.attribute[0].t
            if tensor.data_type in (HALF, SINGLE) and numpy_helper.to_array(tensor).size == 1:
                scalars[node.output[0]] = node
    nodes, seconds = [], {}
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "Mul" or len(node.input) != 2:
            continue
        value, factor = node.input
        if factor not in scalars or types.get(value) != HALF:
            continue
        if factor not in seconds:
            seconds[factor] = split(scalars[factor], exact)
            if seconds[factor] is not None:
                nodes.insert(len(nodes) - 1, seconds[factor])
        if seconds[factor] is not None:
            output = node.output[0]
            node.output[0] = f"{output}_first"
            factors = [node.output[0], seconds[factor].output[0]]
            nodes.append(onnx.helper.make_node("Mul", factors, [output], f"{node.name}_second"))
    del graph.node[:]
    graph.node.extend(nodes)


def split(constant: onnx.NodeProto, exact: dict[str, float]) -> onnx.NodeProto | None:
    """Makes the constant float16; returns a second one to multiply by, where it takes two."""
    number = float(numpy_helper.to_array(constant.attribute[0].t).reshape(-1)[0])
    wanted = exact.get(f"{number:.7g}", number)
    if abs(float(np.float16(wanted)) - wanted) <= ENOUGH * abs(wanted):
        set_scalar(constant, np.float16(wanted))
        return None
    first, second = two_factors(wanted)
    set_scalar(constant, first)
    extra = onnx.helper.make_node("Constant", [], [f"{constant.output[0]}_second"], f"{constant.name}_second")
    extra.attribute.append(onnx.helper.make_attribute("value", numpy_helper.from_array(np.array(second))))
    return extra


def set_scalar(constant: onnx.NodeProto, value: np.float16) -> None:
    """Replaces the constant's value, keeping its dimensions."""
    tensor = constant.attribute[0].t
    shape = tuple(tensor.dims)
    tensor.CopyFrom(numpy_helper.from_array(np.full(shape, value, np.float16)))

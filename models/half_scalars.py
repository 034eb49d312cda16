"""Puts right what exporting a float16 module does to scalar factors.

Exporters round literals (attention's scale, GELU's √2, quick GELU's 1.702) to float16, which moves the result by
1e-4 and, behind a sharp softmax, by 1e-3. The tracing one also leaves some in float32 beside float16
values, which no runtime accepts. Here every scalar factor of a `Mul` or `Div` is float16, and a known
one that float16 cannot hold becomes a product of two that it can, exact to about 1e-7.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

HALF, SINGLE = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
ENOUGH = 2e-6  # relative error that needs no second factor

# Attention scales queries and keys by d^-1/4 each, or their product by d^-1/2; d is a head's width.
MEANT = [1.702, 2**0.5, *(float(d) ** -0.25 for d in range(2, 257)), *(float(d) ** -0.5 for d in range(17, 257))]
BY_HALF = {float(np.float16(number)): number for number in reversed(MEANT)}


def two_factors(value: float) -> tuple[np.float16, np.float16]:
    """Two float16 numbers whose product is nearest to `value`."""
    firsts = (1 + np.arange(1024) / 1024).astype(np.float16)
    seconds = (value / firsts.astype(np.float64)).astype(np.float16)
    errors = np.abs(firsts.astype(np.float64) * seconds.astype(np.float64) - value)
    best = int(errors.argmin())
    return firsts[best], seconds[best]


def repair_half_scalars(model: onnx.ModelProto, parameters: set[str]) -> None:
    """Makes the scalar factors of `Mul` and `Div` float16, and the known ones exact, in place.

    `parameters` names the module's own weights: those stay as they are.
    """
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in [*inferred.value_info, *graph.input]}
    scalars = find_scalars(graph, parameters)
    nodes, seconds = [], {}
    for node in graph.node:
        nodes.append(node)
        if node.op_type not in ("Mul", "Div") or types.get(node.input[0]) != HALF:
            continue
        factor = node.input[1]
        if factor not in scalars:
            continue
        if factor not in seconds:
            seconds[factor] = split(scalars[factor])
            if seconds[factor] is not None:
                graph.initializer.append(numpy_helper.from_array(seconds[factor], f"{factor}_second"))
        if seconds[factor] is not None:
            output = node.output[0]
            node.output[0] = f"{output}_first"
            again = onnx.helper.make_node(
                node.op_type, [node.output[0], f"{factor}_second"], [output], f"{node.name}_second"
            )
            again.metadata_props.extend(node.metadata_props)
            nodes.append(again)
    del graph.node[:]
    graph.node.extend(nodes)


def find_scalars(graph: onnx.GraphProto, parameters: set[str]) -> dict[str, onnx.TensorProto]:
    """Constants and initialisers of one number, by the name of their value."""
    found = {t.name: t for t in graph.initializer if t.name not in parameters}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].type == onnx.AttributeProto.TENSOR:
            found[node.output[0]] = node.attribute[0].t
    return {
        name: tensor
        for name, tensor in found.items()
        if tensor.data_type in (HALF, SINGLE) and numpy_helper.to_array(tensor).size == 1
    }


def split(tensor: onnx.TensorProto) -> np.ndarray | None:
    """Makes the scalar float16; returns a second one to multiply by, where it takes two."""
    number = float(numpy_helper.to_array(tensor).reshape(-1)[0])
    wanted = BY_HALF.get(float(np.float16(number)), number)
    if abs(float(np.float16(wanted)) - wanted) <= ENOUGH * abs(wanted):
        set_scalar(tensor, np.float16(wanted))
        return None
    first, second = two_factors(wanted)
    set_scalar(tensor, first)
    return np.array(second)


def set_scalar(tensor: onnx.TensorProto, value: np.float16) -> None:
    """Replaces the value, keeping name and dimensions."""
    array = np.full(tuple(tensor.dims), value, np.float16)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

"""Writes one PyTorch module as one ONNX file, the way people export diffusers models.

Two exporters (TorchScript tracing and torch.export, called "dynamo"), float32 or float16 weights,
weights inside the file or beside it, dynamic or static sizes. What a file is called and what its
inputs are called follows Optimum, so that a folder made here looks like one from the field.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import torch
from onnx.external_data_helper import set_external_data

from half_scalars import repair_half_scalars

OPSET = 17
DYNAMO_OPSET = 18


@dataclass(frozen=True)
class OnnxOptions:
    """How a module becomes a file. `external` names the data file(s); None keeps weights inside."""

    exporter: str = "torchscript"  # or "dynamo"
    opset: int | None = None
    dynamic: bool = True
    external: str | None = None
    part_bytes: int | None = None  # start another external file before this size would be passed
    verbatim: bool = True  # False: value names become numbers, which halves a small file


@dataclass(frozen=True)
class Value:
    """A graph input or output: its name and the names of its dynamic axes."""

    name: str
    axes: dict[int, str] = field(default_factory=dict)


def export_onnx(
    module: torch.nn.Module,
    inputs: list[tuple[Value, torch.Tensor]],
    outputs: list[Value],
    path: Path,
    options: OnnxOptions,
) -> onnx.ModelProto:
    """Exports `module(*tensors)` to `path` and returns the model that was written, weights inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    module.eval()
    args = tuple(tensor for _, tensor in inputs)
    with quiet(), torch.no_grad():
        if options.exporter == "dynamo":
            model = trace_dynamo(module, args, inputs, outputs, options)
        else:
            model = trace_torchscript(module, args, inputs, outputs, options)
    if next(module.parameters()).dtype == torch.float16:
        repair_half_scalars(model, {name for name, _ in module.named_parameters()})
    if not options.verbatim:
        shorten_value_names(model)
    onnx.checker.check_model(model, full_check=True)
    save(model, path, options.external, options.part_bytes)
    return model


def trace_torchscript(module, args, inputs, outputs, options: OnnxOptions) -> onnx.ModelProto:
    """The tracing exporter: module paths end up in node names, `/down_blocks.0/resnets.0/conv1/Conv`."""
    axes = {v.name: v.axes for v in [i for i, _ in inputs] + outputs if v.axes}
    buffer = io.BytesIO()
    torch.onnx.export(
        module,
        args,
        buffer,
        dynamo=False,
        opset_version=options.opset or OPSET,
        input_names=[i.name for i, _ in inputs],
        output_names=[o.name for o in outputs],
        dynamic_axes=axes if options.dynamic else None,
        do_constant_folding=True,
    )
    return onnx.load_model_from_string(buffer.getvalue())


def trace_dynamo(module, args, inputs, outputs, options: OnnxOptions) -> onnx.ModelProto:
    """The torch.export exporter: module paths end up in the metadata `pkg.torch.onnx.name_scopes`."""
    shapes = None
    if options.dynamic:
        dim = torch.export.Dim.DYNAMIC
        # One tuple inside another, as the traced forward takes `*args`.
        shapes = (tuple({axis: dim for axis in value.axes} or None for value, _ in inputs),)
    program = torch.onnx.export(
        module,
        args,
        dynamo=True,
        opset_version=options.opset or DYNAMO_OPSET,
        input_names=[i.name for i, _ in inputs],
        output_names=[o.name for o in outputs],
        dynamic_shapes=shapes,
        optimize=True,
        verbose=False,
    )
    model = program.model_proto
    drop_stack_traces(model, options.verbatim)
    return model


def drop_stack_traces(model: onnx.ModelProto, verbatim: bool) -> None:
    """Removes the source lines that dynamo stores with every node; they hold this machine's paths."""
    drop = ["pkg.torch.onnx.stack_trace", "pkg.torch.onnx.fx_node"]
    if not verbatim:
        drop += ["namespace", "pkg.torch.onnx.class_hierarchy"]
    for nodes in [model.graph.node, *(f.node for f in model.functions)]:
        for node in nodes:
            kept = [p for p in node.metadata_props if p.key not in drop]
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
            node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    if not verbatim:
        del model.graph.value_info[:]


def shorten_value_names(model: onnx.ModelProto) -> None:
    """Renames the values between nodes to `v0`, `v1`, …; node names, which carry the units, stay."""
    graph = model.graph
    kept = {v.name for v in [*graph.input, *graph.output]} | {t.name for t in graph.initializer}
    names = {}
    for node in graph.node:
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
            return
        for name in node.output:
            if name and name not in kept:
                names[name] = f"v{len(names)}"
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in graph.value_info:
        value.name = names.get(value.name, value.name)


def save(model: onnx.ModelProto, path: Path, external: str | None, part_bytes: int | None = None) -> None:
    """Writes the model; with `external`, weights above 1 KiB go to files beside it, 64-byte aligned."""
    if external is None:
        onnx.save_model(model, path)
        return
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    part, offset = 0, 0
    location = part_name(external, part) if part_bytes else external
    file = open(path.parent / location, "wb")
    for tensor in copy.graph.initializer:
        data = raw_bytes(tensor)
        if len(data) <= 1024:
            continue
        padding = -offset % 64
        if part_bytes and offset and offset + padding + len(data) > part_bytes:
            file.close()
            part, offset, padding = part + 1, 0, 0
            location = part_name(external, part)
            file = open(path.parent / location, "wb")
        file.write(b"\0" * padding + data)
        set_external_data(tensor, location, offset + padding, len(data))
        tensor.ClearField("raw_data")
        offset += padding + len(data)
    file.close()
    path.write_bytes(copy.SerializeToString(deterministic=True))


def part_name(external: str, part: int) -> str:
    """`weights.pb`, 1 → `weights-1.pb`."""
    stem, dot, suffix = external.rpartition(".")
    return f"{stem}-{part}{dot}{suffix}"


def raw_bytes(tensor: onnx.TensorProto) -> bytes:
    """The tensor's bytes, moved from typed fields into `raw_data` where they are not there yet."""
    if not tensor.HasField("raw_data"):
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    return tensor.raw_data


@contextlib.contextmanager
def quiet():
    """Keeps the exporters' chatter off the terminal."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield

"""PyTorch with roots, logarithms and exponentials that are rounded to the nearest float32.

On x86-64 PyTorch takes them from a library whose last bit is off for up to a sixth of all values,
and which bit depends on the processor. A sampler that subtracts two nearly equal squares magnifies
that: diffusers itself then draws another sample on another machine. Under this mode it draws what
its formulas say, everywhere.

    with ExactFunctions():
        scheduler.set_timesteps(2)
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
FUNCTIONS = {aten.sqrt.default, aten.log.default, aten.exp.default, aten.expm1.default}


class ExactFunctions(TorchDispatchMode):
    """Takes these functions of float32 tensors in double precision, and rounds once."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        is_root = func is aten.pow.Tensor_Scalar and args[1] == 0.5
        if (is_root or func in FUNCTIONS) and args[0].dtype == torch.float32:
            return func(args[0].double(), *args[1:]).float()
        return func(*args, **(kwargs or {}))

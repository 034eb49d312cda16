"""Array files for the tests of packages/cli, by numpy itself.

    pip install numpy==2.4.6
    python models/golden_npy.py

writes packages/cli/test/golden/*.npy. Every array of floats holds (i - 12) / 8 for i = 0, 1, …,
which float16 holds exactly.
"""

from pathlib import Path

import numpy as np
from numpy.lib import format as npy

GOLDEN = Path(__file__).parent.parent / "packages" / "cli" / "test" / "golden"
SHAPE = (1, 3, 2, 4)


def ramp(shape, dtype):
    count = int(np.prod(shape))
    return ((np.arange(count) - 12) / 8).astype(dtype).reshape(shape)


def write(name, array, version=(1, 0)):
    with open(GOLDEN / f"{name}.npy", "wb") as file:
        npy.write_array(file, array, version=version)


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for dtype in ("f2", "f4", "f8"):
        write(dtype, ramp(SHAPE, f"<{dtype}"))
    write("version-2", ramp(SHAPE, "<f4"), (2, 0))
    write("version-3", ramp(SHAPE, "<f4"), (3, 0))
    write("vector", ramp((5,), "<f4"))
    write("scalar", np.array(0.5, "<f4"))
    write("empty", ramp((0, 3), "<f4"))
    write("fortran", np.asfortranarray(ramp(SHAPE, "<f4")))
    write("big-endian", ramp(SHAPE, ">f4"))
    write("int64", np.arange(6))
    write("complex", ramp((6,), "<c8"))
    write("structured", np.zeros(3, [("a", "<f4"), ("b", "<i4")]))


if __name__ == "__main__":
    main()

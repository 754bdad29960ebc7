"""Compiles our kernels as far as machine code, for a GPU that need not be here: `python compile_kernels.py 75 fp16`.

The interpreter that the other tests run kernels in takes more than the compiler does. Prints a line for each kernel.
"""

import sys
from collections.abc import Iterator

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from spp_sorter.network import triton_boxes, triton_conv, triton_scale, triton_spp
from spp_sorter.network.suppression import ROUNDS

WARP = 32
INT, FLOAT = "i32", "fp32"


def cases(number: str) -> Iterator[tuple[triton.JITFunction, list[str], dict[str, int], dict[str, int]]]:
    """Kernel, types of its arguments, its constants, options; ``number`` is the type of maps and weights."""
    size = [INT] * 7
    for kernel, stride in ((3, 1), (5, 2)):
        shape = {"KERNEL": kernel, "STRIDE": stride, "BLOCK_P": 32, "BLOCK_C": 32}
        yield triton_conv._depthwise, [number] * 4 + size + [FLOAT] * 3, shape, {}
    shape = {"COLOURS": 3, "KERNEL": 3, "STRIDE": 2, "BLOCK_P": 32, "BLOCK_C": 32}
    yield triton_conv._stem, [number] * 4 + size + [FLOAT] * 2, shape, {}
    types = [number, "*fp32", number, "*fp32", *[INT] * 5, FLOAT]
    yield triton_spp._pool, types, {"COLUMNS": 4, "BLOCK_C": triton_spp.BLOCK_C}, {}
    types = [number, "*i64", "*fp32", *[INT] * 4, *[FLOAT] * 3]
    yield triton_boxes._rank, types, {"BLOCK": triton_boxes.SIDE, "ALL": 512}, {}
    yield triton_boxes._overlaps, ["*fp32", "*fp16", INT, FLOAT], {"BLOCK": 32}, {}
    types = ["*fp16", "*fp32", "*fp32", "*i32", INT, INT]
    yield triton_boxes._take, types, {"BLOCK": triton_boxes.SIDE, "ALL": 512}, {}
    types = [number, "*fp32", "*i32", "*fp32", "*fp32", *[INT] * 3, *[FLOAT] * 3]
    yield triton_boxes._read, types, {"BLOCK": triton_boxes.SIDE, "CLASSES": 4}, {}
    constants = {"ROUNDS": ROUNDS, "ALL": triton_boxes.MOST_KEPT}
    yield triton_boxes._keep, ["*fp32", "*fp32", INT, INT], constants, {"num_warps": 16}
    constants = {"HIGH": 2, "WIDE": 2, "BLOCK": triton_scale.BLOCK}
    yield triton_scale._shrink, ["*u8", number, *[INT] * 5, *[FLOAT] * 3], constants, {}


def main() -> None:
    capability, number = int(sys.argv[1]), f"*{sys.argv[2]}"
    for kernel, types, constants, options in cases(number):
        given = iter(types)
        signature = {name: "constexpr" if name in constants else next(given) for name in kernel.arg_names}
        assert next(given, None) is None, f"{kernel.__name__} has fewer arguments than types are given"
        places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
        source = ASTSource(fn=kernel, signature=signature, constexprs=places)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, WARP), options=options)
        print(f"{kernel.__name__}: {len(compiled.asm['cubin'])} bytes", flush=True)


if __name__ == "__main__":
    main()

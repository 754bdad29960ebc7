"""``spp_sorter benchmark spp``: pooling of many windows by several methods, checked to be bit-equal, then timed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import roi_pool

from spp_sorter.learning.benchmark_frames import machine, percentiles, synchronise
from spp_sorter.learning.evaluate import write_json
from spp_sorter.network.spp import SpatialPyramidPool
from spp_sorter.network.spp_fixed import FixedPyramidPool

Pool = Callable[[Tensor, Tensor], Tensor]
LOOP_LIMIT = 300
"""The loop over windows is not timed with more: it is there to be compared with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of this kind."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"), help="(%(default)s)")
    parser.add_argument("--channels", type=int, default=96, metavar="C", help="of the map (%(default)s)")
    parser.add_argument("--map", type=int, nargs=2, default=(48, 64), metavar=("H", "W"), help="(48 64)")
    parser.add_argument("--levels", type=int, nargs="+", default=[4, 2, 1], metavar="N", help="(4 2 1)")
    parser.add_argument("--windows", type=int, nargs="+", default=[50, 100, 300, 1000, 2000], metavar="R")
    parser.add_argument("--repeats", type=int, default=50, metavar="N", help="timed calls (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")


def run(args: argparse.Namespace) -> int:
    """Check that every method gives the same, time each, print, and write ``--json``; 1 where they differ."""
    name = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[args.precision]
    methods = pooling_methods(tuple(args.levels), dtype)
    figures: dict[str, Any] = {
        "device": str(device),
        "precision": args.precision,
        "map_hw": list(args.map),
        "channels": args.channels,
        "levels": args.levels,
        "machine": machine(),
        "windows": {},
    }
    features = torch.randn(1, args.channels, *args.map, generator=torch.Generator().manual_seed(0))
    features = features.to(device, dtype).to(memory_format=torch.channels_last)
    for count in args.windows:
        windows = random_windows(count, tuple(args.map)).to(device)
        row = {}
        with torch.inference_mode():
            wanted = methods["sparse table"](features, windows)
            for method, pool in methods.items():
                if method == "loop" and count > LOOP_LIMIT:
                    continue
                if not torch.equal(pool(features, windows).to(dtype), wanted):
                    print(f"{method} gives other values than the sparse table with {count} windows")
                    return 1
                row[method] = _time(pool, features, windows, args.repeats)
        figures["windows"][str(count)] = row
        print(f"{count:>5} windows  " + "  ".join(f"{m} {t['p50']:.3f} ms" for m, t in row.items()))
    if args.json is not None:
        write_json(args.json, figures)
    return 0


def pooling_methods(levels: tuple[int, ...], dtype: torch.dtype) -> dict[str, Pool]:
    """Ways to pool windows of one map into a pyramid, by name; all take [1, C, H, W] and [R, 4] cells."""
    table = SpatialPyramidPool(levels)
    methods: dict[str, Pool] = {"sparse table": table.pool_windows}
    if all(max(levels) % level == 0 for level in levels):
        methods["fixed shape"] = FixedPyramidPool(table).pool_windows
    if dtype == torch.float32 and all(level & (level - 1) == 0 for level in levels):
        methods["roi_pool"] = lambda features, windows: _roi_pool(features, windows, levels)
    methods["loop"] = lambda features, windows: _loop(features, windows, levels)
    return methods


def random_windows(count: int, map_hw: tuple[int, int], seed: int = 0) -> Tensor:
    """[R, 4] windows inside a map, of 1 to 24 cells a side, always the same."""
    random = np.random.default_rng(seed)
    sides = np.minimum(random.integers(1, 25, (count, 2)), [map_hw[1], map_hw[0]])
    low = (random.random((count, 2)) * ([map_hw[1], map_hw[0]] - sides + 1)).astype(np.int64)
    return torch.from_numpy(np.concatenate([low, low + sides], axis=1))


def _roi_pool(features: Tensor, windows: Tensor, levels: tuple[int, ...]) -> Tensor:
    """torchvision's RoI pooling, a call a level; bin edges are exact for powers of two only."""
    last = torch.cat([windows[:, :1] * 0, windows[:, :2], windows[:, 2:] - 1], dim=1).to(features.dtype)
    return torch.cat([roi_pool(features, last, level).flatten(1) for level in levels], dim=1)


def _loop(features: Tensor, windows: Tensor, levels: tuple[int, ...]) -> Tensor:
    """One window after the other, with PyTorch's adaptive pooling: the plainest way."""
    rows = []
    for x0, y0, x1, y1 in windows.tolist():
        window = features[:, :, y0:y1, x0:x1].contiguous()
        rows.append(torch.cat([F.adaptive_max_pool2d(window, level).flatten(1) for level in levels], dim=1))
    return torch.cat(rows)


def _time(pool: Pool, features: Tensor, windows: Tensor, repeats: int) -> dict[str, float]:
    times = np.empty(repeats)
    for index in range(-3, repeats):
        synchronise(features.device)
        start = time.perf_counter()
        pool(features, windows)
        synchronise(features.device)
        if index >= 0:
            times[index] = (time.perf_counter() - start) * 1e3
    return percentiles(times)

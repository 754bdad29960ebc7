"""Average checkpoints of one network, weight by weight: `python tools/average_weights.py A.pt B.pt ... --out AB.pt`.

Weights that were trained on from the same start lie in one valley, and their mean is often better than each of them
(Wortsman et al. 2022, "Model soups"). Everything else is that of the last one.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from spp_sorter.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402


def average(checkpoints: list[Checkpoint], shares: list[float] | None = None) -> Checkpoint:
    """The mean of checkpoints of one network; counters, which have no mean, are the last one's.

    Args:
        checkpoints: at least one.
        shares: how much each counts, in any unit; equally without them.

    Raises:
        ValueError: their networks differ, or the shares are not one positive number each.
    """
    shares = [1.0] * len(checkpoints) if shares is None else shares
    if len(shares) != len(checkpoints) or not all(0 < share < math.inf for share in shares):
        raise ValueError(f"shares are {shares}; allowed: a positive number for each of {len(checkpoints)} checkpoints")
    weighing = torch.tensor(shares, dtype=torch.float64) / sum(shares)
    last = checkpoints[-1]
    if any(each.config != last.config for each in checkpoints):
        raise ValueError("the checkpoints' networks differ; average weights that were trained on from one start")
    weights = {}
    for name, value in last.weights.items():
        if value.is_floating_point():
            stacked = torch.stack([each.weights[name].double() for each in checkpoints])
            mean = (stacked.movedim(0, -1) * weighing).sum(-1)
            value = mean.to(value.dtype)
        weights[name] = value
    return replace(last, weights=weights)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+", type=Path, metavar="CKPT")
    parser.add_argument("--shares", nargs="+", type=float, metavar="S", help="how much each counts (equally)")
    parser.add_argument("--out", type=Path, required=True, metavar="CKPT")
    parser.add_argument(
        "--long-side", type=int, metavar="PX", help="of the input that the result is used with (as it was trained)"
    )
    args = parser.parse_args()
    try:
        mean = average([load_checkpoint(path) for path in args.checkpoints], args.shares)
    except ValueError as error:
        parser.error(str(error))
    if args.long_side is not None:
        if args.long_side < 32 or args.long_side % 32:
            parser.error(f"--long-side is {args.long_side}; allowed: multiples of 32 from 32 on")
        mean = replace(mean, config=replace(mean.config, long_side=args.long_side))
    save_checkpoint(mean, args.out, half=True)
    print(f"written: {args.out}, the mean of {len(args.checkpoints)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

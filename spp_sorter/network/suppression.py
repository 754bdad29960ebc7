"""Greedy suppression of overlapping boxes in two forms: a call of torchvision's, and a fixed number of steps.

Letters: N candidates, R boxes that remain.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms

from spp_sorter.network.boxes import pairwise_iou
from spp_sorter.network.decode import PROPOSAL_NMS
from spp_sorter.network.scripting import scripted

ROUNDS = 12
"""Steps of the fixed form. Each settles one more link of a chain of boxes that suppress one another; chains that decide
anything are a few links long."""


class GreedySuppression:
    """torchvision's, whose output is as long as it comes out: for the CPU."""

    def best(self, boxes_xyxy: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """See ``frame.Suppression``."""
        index = nms(boxes_xyxy, scores, PROPOSAL_NMS)[:count]
        boxes = boxes_xyxy.index_select(0, index)
        return boxes, torch.ones_like(index, dtype=torch.bool)

    def keep(self, boxes_xyxy: Tensor, rank: Tensor, valid: Tensor, nms_thresh: Tensor) -> Tensor:
        """See ``frame.Suppression``."""
        suppress = scripted(_greedy) if torch.jit.is_tracing() else _greedy  # type: ignore[attr-defined]
        return suppress(boxes_xyxy, torch.where(valid, rank, -1.0), nms_thresh) & valid


class FixedSuppression:
    """The same choice in ``ROUNDS`` steps of fixed shape: for a CUDA graph, which cannot wait for a number."""

    def best(self, boxes_xyxy: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """See ``frame.Suppression``; R is ``count`` whenever N is."""
        del scores  # the boxes come best first
        number = int(boxes_xyxy.shape[0])
        above = torch.ones(number, number, dtype=torch.bool, device=boxes_xyxy.device).tril(-1)  # [N, N] j before i
        over = (pairwise_iou(boxes_xyxy, boxes_xyxy) > PROPOSAL_NMS) & above
        kept = _settle(over, torch.ones_like(over[0]))
        place = kept.cumsum(0) - 1
        size = min(count, number)
        slot = torch.where(kept & (place < size), place, size)  # those that do not fit share a slot past the end
        order = torch.zeros(size + 1, dtype=torch.long, device=boxes_xyxy.device)
        order = order.scatter(0, slot, torch.arange(number, device=boxes_xyxy.device))[:size]
        there = torch.arange(size, device=boxes_xyxy.device) <= place[-1]
        return boxes_xyxy.index_select(0, order), there

    def keep(self, boxes_xyxy: Tensor, rank: Tensor, valid: Tensor, nms_thresh: Tensor) -> Tensor:
        """See ``frame.Suppression``."""
        index = torch.arange(rank.shape[0], device=rank.device)
        tie = (rank[None] == rank[:, None]) & (index[None] < index[:, None])
        above = (rank[None] > rank[:, None]) | tie  # [R, R] j before i
        over = (pairwise_iou(boxes_xyxy, boxes_xyxy) > nms_thresh) & above & valid[None]
        return _settle(over, valid)


class ExportedSuppression(FixedSuppression):
    """Proposals by the exported format's own operator, as many as remain; the last choice in fixed steps."""

    def best(self, boxes_xyxy: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """See ``frame.Suppression``."""
        return GreedySuppression().best(boxes_xyxy, scores, count)


def _settle(over: Tensor, valid: Tensor) -> Tensor:
    """[N] the greedy choice where [N, N] ``over`` says that box j, if chosen, suppresses box i."""
    dtype = torch.float16 if over.is_cuda else torch.float32
    return settle(over.T.to(dtype).neg(), valid.to(dtype)) > 0


def settle(less: Tensor, valid: Tensor) -> Tensor:
    """The greedy choice in ``ROUNDS`` matrix products.

    Every box that no chosen one suppresses is chosen: repeated from all chosen, the boxes settle in their order, and
    a chain of n links is settled after n rounds. A round is one matrix product: valid less the number of suppressors,
    cut off at 0. Whole numbers up to N are exact in fp16 as long as N stays below 2048; above, a sum of ones may be
    rounded and is still more than 0.

    Args:
        less: [N, N] floating, -1 in row j and column i where box j, if chosen, suppresses box i, else 0.
        valid: [N] of the same type, 1 for a box and 0 for none.

    Returns:
        [N] of the same type, 1 for a chosen box and 0 for another.
    """
    chosen = valid[None]
    for _ in range(ROUNDS):
        chosen = torch._addmm_activation(valid, chosen, less)  # ReLU(valid + chosen @ less)
    return chosen[0]


def _greedy(boxes_xyxy: Tensor, rank: Tensor, nms_thresh: Tensor) -> Tensor:
    index = torch.ops.torchvision.nms(boxes_xyxy, rank, float(nms_thresh))
    kept = torch.zeros(rank.shape[0], dtype=torch.bool)
    kept[index] = True
    return kept

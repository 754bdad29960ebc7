"""A small network taught by a larger one: it imitates the teacher's shared map and what the teacher reads off it.

After FitNets (arXiv 1412.6550) for the map and Hinton, Vinyals and Dean (arXiv 1503.02531) for the probabilities. Both
networks have the same neck, pyramid and head, so the student's can start from the teacher's.

Letters: B images, C channels, h x w cells of the shared map, F windows of all images.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from spp_sorter.network.assignment import training_proposals
from spp_sorter.network.backbone import LITE0
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.processor import computes_bf16
from spp_sorter.network.slim import SLIM, slim_down

IMITATION_WEIGHTS = {
    "imitate_map": 2.0,
    "imitate_objectness": 1.0,
    "imitate_proposals": 1.0,
    "imitate_class": 1.0,
    "imitate_box": 1.0,
    "imitate_grasp": 0.5,
}
"""Weights of the losses of ``Distillation`` in the sum of all losses."""

SURE_OBJECTNESS = 0.2
"""Cells from this objectness of the teacher teach a box."""


class DistillationError(ValueError):
    """A teacher that cannot teach this student; the text says why."""


class Distillation(nn.Module):
    """The losses between a student and its teacher.

    Args:
        teacher: a trained network; nothing in it changes.

    Raises:
        DistillationError: from ``start_student``, where the shapes do not agree.
    """

    def __init__(self, teacher: SppNetwork) -> None:
        super().__init__()
        self.teacher = teacher.eval().requires_grad_(False)
        # On a GPU the caller chooses. In fp32 a processor would spend half of a training on what the teacher says.
        self._in_half = computes_bf16()

    def train(self, mode: bool = True) -> Distillation:  # noqa: ARG002
        """The teacher stays in evaluation mode."""
        return self

    def start_student(self, student: SppNetwork) -> int:
        """Give the student every weight of the teacher outside the backbone that has the same name and shape.

        A student that ``gives_backbone`` is true of gets what ``slim_down`` leaves of the teacher's backbone, too.

        Returns:
            How many tensors it took.

        Raises:
            DistillationError: other labels, pyramid, channels, strides or projection than the teacher's.
        """
        theirs, ours = self.teacher.config.to_dict(), student.config.to_dict()
        differing = [name for name in theirs if theirs[name] != ours[name] and name not in ("backbone", "long_side")]
        if differing:
            text = ", ".join(f"{name} {ours[name]} against {theirs[name]}" for name in differing)
            raise DistillationError(f"student and teacher differ in more than the backbone: {text}; make them equal")
        state = student.state_dict()
        given = {
            key: value
            for key, value in self.teacher.state_dict().items()
            if not key.startswith("backbone.") and key in state and state[key].shape == value.shape
        }
        if self.gives_backbone(student):
            body = copy.deepcopy(self.teacher.backbone.body)
            slim_down(body)
            given.update({f"backbone.body.{key}": value for key, value in body.state_dict().items()})
        student.load_state_dict(given, strict=False)
        return len(given)

    def gives_backbone(self, student: SppNetwork) -> bool:
        """Whether the student's backbone is the teacher's slimmed down, and can start from its weights."""
        return self.teacher.config.backbone == LITE0 and student.config.backbone == SLIM

    def forward(self, student: SppNetwork, images: Tensor, features: Tensor) -> dict[str, Tensor]:
        """What the student does not yet say as the teacher does.

        Args:
            student: being trained.
            images: [B, 3, H, W] RGB 0 to 255.
            features: [B, C, h, w] the student's shared map of them.

        Returns:
            Scalars by the names of ``IMITATION_WEIGHTS``.
        """
        with torch.no_grad():
            wanted = self.convolve(images)
            dense = self.teacher.propose(wanted)
            boxes, valid = training_proposals(dense, (images.shape[2], images.shape[3]))
            index = torch.arange(len(images), device=images.device)[:, None].expand_as(valid).flatten()
            boxes, weight = boxes.flatten(0, 1), valid.flatten().float()
            answer = self.teacher.classify(wanted, boxes, index)
        features = features.float()
        losses = self._dense(student, features, wanted, dense.logits.sigmoid(), dense.boxes_xyxy)
        heard = student.classify(features, boxes, index)
        count = weight.sum().clamp(min=1)
        entropy = F.cross_entropy(heard.class_logits, answer.class_logits.softmax(dim=1), reduction="none")
        losses["imitate_class"] = (entropy * weight).sum() / count
        item = weight * (1 - answer.class_logits.softmax(dim=1)[:, 0])  # refinements of background mean nothing
        count = item.sum().clamp(min=1)
        shift = F.smooth_l1_loss(heard.deltas, answer.deltas, beta=0.1, reduction="none").sum(dim=1)
        fit = F.binary_cross_entropy_with_logits(heard.quality, answer.quality.sigmoid(), reduction="none")
        grasp = F.smooth_l1_loss(heard.grasp, answer.grasp, beta=0.1, reduction="none").sum(dim=1)
        losses["imitate_box"] = ((shift + 0.5 * fit) * item).sum() / count
        losses["imitate_grasp"] = (grasp * item).sum() / count
        return losses

    def convolve(self, images: Tensor) -> Tensor:
        """The teacher's shared map [B, C, h, w] of images [B, 3, H, W], that the student's is compared with."""
        in_half = images.device.type == "cpu" and self._in_half
        with torch.autocast("cpu", torch.bfloat16, enabled=in_half):
            return self.teacher.convolve(images).float()

    @staticmethod
    def _dense(
        student: SppNetwork, features: Tensor, wanted: Tensor, objectness: Tensor, boxes_xyxy: Tensor
    ) -> dict[str, Tensor]:
        """Losses of the map and of what the RPN says of its cells."""
        # Cells that the teacher finds something in count most; the map's own spread makes the figure free of its scale.
        attention = 0.2 + objectness.view(-1, 1, *wanted.shape[2:])
        scale = wanted.var().clamp(min=1e-6)
        gap = ((features - wanted).square() * attention).mean() / (scale * attention.mean())
        heard = student.propose(features)
        modulation = (heard.logits.sigmoid() - objectness).detach().square()
        entropy = F.binary_cross_entropy_with_logits(heard.logits, objectness, reduction="none")
        sure = objectness * (objectness > SURE_OBJECTNESS)
        count = sure.sum().clamp(min=1)
        overlap = generalized_box_iou_loss(heard.boxes_xyxy.flatten(0, 1), boxes_xyxy.flatten(0, 1)) * sure.flatten()
        return {
            "imitate_map": gap,
            "imitate_objectness": (modulation * entropy).sum() / count,
            "imitate_proposals": overlap.sum() / count,
        }

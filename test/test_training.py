"""Training: plans, views, resuming on the same curve, and stopping on a loss that is not finite."""

import dataclasses

import numpy as np
import pytest
import torch

from spp_sorter.learning.appearance import photograph
from spp_sorter.learning.augment import augment
from spp_sorter.learning.batches import BatchPlan, collate
from spp_sorter.learning.distributed import Team
from spp_sorter.learning.pick_points import CLEARANCE_PX, ROOM, point_with_room
from spp_sorter.learning.preview import preview
from spp_sorter.learning.samples import TrainingSample, density_of, mask_grasp, render_scene
from spp_sorter.learning.trainer import Trainer
from spp_sorter.learning.training_options import TrainingError, TrainingOptions
from spp_sorter.network.checkpoint import load_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import random_world_config

SMALL = NetworkConfig(channels=16, hidden=32)
OPTIONS = TrainingOptions(steps=4, batch_size=2, sizes_hw=((64, 96), (96, 64)), save_every=2)


class Pictures:
    """Four pictures with one item each; ``box`` may be spoiled."""

    def __init__(self, box=(20.0, 10.0, 60.0, 40.0)):
        self.box = box

    def __len__(self):
        return 4

    def __getitem__(self, index):
        image = np.full((64, 96, 3), 40 + 10 * index, np.uint8)
        image[10:40, 20:60] = (30, 200, 230)
        return TrainingSample(
            image,
            np.array([self.box], np.float32),
            np.array([index % 2]),
            np.array([False]),
            np.array([[40, 25, 0.0, 40, 30]], np.float32),
        )


def make_trainer(folder, source=None, options=OPTIONS):
    torch.manual_seed(0)
    team = Team(0, 1, torch.device("cpu"))
    return Trainer(SppNetwork(SMALL, imagenet=False), source or Pictures(), options, folder, team)


def test_every_picture_comes_once_per_epoch_in_a_new_order():
    draws = [sized.draw for batch in BatchPlan(10, 4, 0, 5, 0, [(64, 64)]) for sized in batch]
    first, second = [d.picture for d in draws[:10]], [d.picture for d in draws[10:]]
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert len({d.position for d in draws}) == 20


def test_a_plan_goes_on_where_it_was_left():
    sizes = [(64, 64), (96, 96)]
    whole = list(BatchPlan(10, 4, 0, 6, 3, sizes))
    assert list(BatchPlan(10, 4, 3, 6, 3, sizes)) == whole[3:]
    assert {draw.size_hw for batch in whole for draw in batch} == set(sizes)
    assert all(len({draw.size_hw for draw in batch}) == 1 for batch in whole)


@pytest.mark.parametrize("seed", range(60))
def test_views_move_truth_with_the_pixels(seed, monkeypatch):
    """The item is the only yellow thing: its box and pick point must follow it through every view."""
    monkeypatch.setattr("spp_sorter.learning.augment.photograph", lambda image, _: image)
    view = augment(Pictures()[0], (128, 160), np.random.default_rng(seed))
    assert view.image_bgr.shape == (128, 160, 3) and view.image_bgr.dtype == np.uint8
    if len(view.labels) == 0:
        return
    x0, y0, x1, y1 = view.boxes_xyxy[0]
    assert 0 <= x0 < x1 <= 160 and 0 <= y0 < y1 <= 128
    rows, columns = np.nonzero(np.abs(view.image_bgr.astype(int) - (30, 200, 230)).sum(axis=2) < 20)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    soft = 2 + (x1 - x0) / 20  # a close-up has soft edges
    np.testing.assert_allclose(view.boxes_xyxy[0], seen, atol=soft)
    if np.isfinite(view.grasps[0]).all():
        assert x0 <= view.grasps[0, 0] <= x1 and y0 <= view.grasps[0, 1] <= y1
        along, across = np.abs([np.cos(view.grasps[0, 2]), np.sin(view.grasps[0, 2])])
        whole = not view.ignore[0] and min(x0, y0, 160 - x1, 128 - y1) > 0
        assert not whole or (along > across) == ((x1 - x0) > (y1 - y0))


def test_close_ups_fill_the_view_with_the_item():
    shares = []
    for seed in range(200):
        view = augment(Pictures()[0], (128, 160), np.random.default_rng(seed))
        shares += [(x1 - x0) / 160 for x0, y0, x1, y1 in view.boxes_xyxy if not view.ignore[0]]
    assert np.mean(np.array(shares) > 0.7) > 0.05 and np.mean(np.array(shares) < 0.3) > 0.1


def test_every_look_is_another_and_keeps_size_and_type():
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    before = picture.copy()
    looks = [photograph(picture, np.random.default_rng(seed)) for seed in range(60)]
    assert np.array_equal(picture, before)
    assert all(look.shape == picture.shape and look.dtype == np.uint8 for look in looks)
    assert len({look.tobytes() for look in looks}) == 60
    grey = [look for look in looks if np.ptp(look.astype(int), axis=2).max() <= 8]
    assert 0 < len(grey) < 20, "a small share of pictures is grey, as mono cameras take them"
    assert np.array_equal(looks[7], photograph(picture, np.random.default_rng(7)))


def test_grasps_of_masks():
    mask = np.zeros((60, 80), bool)
    mask[20:30, 10:60] = True
    x, y, yaw, length, width = mask_grasp(mask)
    assert (x, y) == pytest.approx((35, 25), abs=1) and yaw == pytest.approx(0, abs=1e-6)
    assert (length, width) == pytest.approx((50, 10), abs=1)
    assert np.isnan(mask_grasp(np.zeros((4, 4), bool))).all()


def test_pick_points_lie_on_the_item_with_room_about_them():
    y, x = np.mgrid[:81, :81]
    radius = np.hypot(x - 40, y - 40)
    for inner, room in ((20, CLEARANCE_PX), (34, ROOM * 3)):
        ring = (radius <= 39) & (radius >= inner)
        point = mask_grasp(ring)[:2]
        beside = np.argwhere(~np.pad(ring, 1))[:, ::-1] - 0.5  # centres of pixels that are not the ring's
        assert ring[int(point[1]), int(point[0])]
        assert np.hypot(*(beside - point).T).min() >= room - 0.1
        assert np.hypot(*(point - 40.5)) < inner + room + 1, "no farther from the centroid than it must be"
    disc = radius <= 20
    np.testing.assert_allclose(point_with_room(disc, np.array([47.3, 38.1])), [47.3, 38.1])
    np.testing.assert_allclose(point_with_room(np.zeros((5, 5), bool), np.array([9.0, -3.0])), [9.0, -3.0])


def test_rendered_scenes_are_picked_where_an_item_is_seen():
    for seed in (3, 4):
        frame = BeltWorld(random_world_config(seed, density_of(seed), "train")).render(0)
        sample = render_scene(seed, ("compost", "non_compost"), "train")
        shown = [item for item in frame.truth.items if np.isfinite(item.box_xyxy).all()]
        known = np.isfinite(sample.grasps).all(axis=1)
        assert known.sum() >= 3
        for item, grasp in zip(np.array(shown, object)[known], sample.grasps[known], strict=True):
            assert frame.truth.masks_id[int(grasp[1]), int(grasp[0])] == item.id


def test_a_scene_follows_from_its_seed():
    names = ("non_compost", "compost")
    first, again, other = (render_scene(seed, names, "train") for seed in (78, 78, 79))
    assert np.array_equal(first.image_bgr, again.image_bgr) and np.array_equal(first.boxes_xyxy, again.boxes_xyxy)
    assert np.array_equal(first.grasps, again.grasps, equal_nan=True)
    assert not np.array_equal(first.image_bgr, other.image_bgr)
    assert np.array_equal(render_scene(78, names[::-1], "train").labels, 1 - first.labels)


def test_a_resumed_run_ends_where_a_straight_one_does(tmp_path):
    straight = make_trainer(tmp_path / "straight")
    assert straight.run(num_workers=0)
    part = make_trainer(tmp_path / "legs")
    assert not part.run(num_workers=0, minutes=0)
    assert part.step == 1
    resumed = make_trainer(tmp_path / "legs")
    resumed.resume()
    assert resumed.step == 1 and resumed.run(num_workers=0)
    for key, value in straight.learner.average.items():
        assert torch.equal(value, resumed.learner.average[key]), key
    assert load_checkpoint(tmp_path / "legs" / "model.pt").step == 4
    assert not list((tmp_path / "legs").glob("*.part"))


@pytest.mark.parametrize(("seconds", "saves"), [(0.0, 4), (3600.0, 1)])
def test_a_slow_machine_saves_by_the_clock(tmp_path, monkeypatch, seconds, saves):
    trainer = make_trainer(tmp_path, options=dataclasses.replace(OPTIONS, save_every=10**6, save_seconds=seconds))
    steps, save = [], trainer.save
    monkeypatch.setattr(trainer, "save", lambda: (steps.append(trainer.step), save()))
    assert trainer.run(num_workers=0)
    assert len(steps) == saves and steps[-1] == 4


def test_learning_changes_the_weights_and_logs_the_losses(tmp_path):
    trainer = make_trainer(tmp_path)
    before = {key: value.clone() for key, value in trainer.learner.network.state_dict().items()}
    trainer.run(num_workers=0)
    assert any(not torch.equal(value, before[key]) for key, value in trainer.learner.network.state_dict().items())
    assert '"proposal_box"' in (tmp_path / "log.jsonl").read_text()


def test_a_loss_that_is_not_finite_stops_training_by_name(tmp_path):
    trainer = make_trainer(tmp_path, Pictures((20.0, 10.0, float("nan"), 40.0)))
    with pytest.raises(TrainingError, match=r"loss '\w+' is nan at step 0"):
        trainer.run(num_workers=0)


def test_resuming_something_else_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="nothing to resume"):
        make_trainer(tmp_path).resume()
    make_trainer(tmp_path).run(num_workers=0, minutes=0)
    with pytest.raises(TrainingError, match="same --steps"):
        make_trainer(tmp_path, options=dataclasses.replace(OPTIONS, steps=9)).resume()


def test_previews_show_the_truth_and_leave_the_batch_alone():
    network = SppNetwork(SMALL, imagenet=False)
    images, targets = collate([Pictures()[index] for index in range(5)]).to(torch.device("cpu"))
    before = images.clone()
    shown = preview(network, images, targets)
    assert len(shown) == 4 and all(picture.shape == (64, 96, 3) and picture.dtype == np.uint8 for picture in shown)
    assert shown[0][10, 40].tolist() == [60, 200, 60], "the box of the truth"
    assert torch.equal(images, before)

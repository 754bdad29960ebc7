"""Scenes on disk: exact truth that comes back through COCO json, the same for the same seed."""

import argparse
import json

import cv2
import numpy as np
import pytest

from spp_sorter.evaluation.datasets import LabelMap, read_dataset
from spp_sorter.learning import scenes
from spp_sorter.values import LABELS


def arguments(folder, *words):
    parser = argparse.ArgumentParser()
    scenes.add_arguments(parser)
    return parser.parse_args(["--out", str(folder), "--count", "3", "--jobs", "1", *words])


def test_scenes_come_back_as_a_data_set(tmp_path):
    assert scenes.run(arguments(tmp_path, "--density", "sparse")) == 0
    dataset = read_dataset(tmp_path / "annotations.json", LabelMap.identity(LABELS), decode_pictures=True)
    assert len(dataset) == 3 and dataset.num_items > 0 and not dataset.left_out
    for record in dataset.records:
        assert record.read_image().shape == (*record.size_hw, 3)
        for box, mask, area in zip(record.boxes_xyxy, record.masks, record.areas, strict=True):
            rows, columns = np.nonzero(mask.decode())
            seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box, seen, atol=1.0)
            assert len(rows) == area
        assert all(record.objects)
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape[1] == scenes.SHEET_COLUMNS * scenes.SHEET_WIDTH_PX


def test_the_same_seed_gives_the_same_truth(tmp_path):
    first = scenes.render_record(tmp_path, ("touching",), "test", 5)
    second = scenes.render_record(tmp_path, ("touching",), "test", 5)
    assert np.array_equal(first.boxes_xyxy, second.boxes_xyxy) and first.objects == second.objects
    other = scenes.render_record(tmp_path, ("touching",), "test", 6)
    assert first.boxes_xyxy.shape != other.boxes_xyxy.shape or not np.allclose(first.boxes_xyxy, other.boxes_xyxy)


def test_splits_share_no_object(tmp_path):
    seen = {}
    for split in ("train", "test"):
        records = [scenes.render_record(tmp_path, ("touching",), split, seed) for seed in range(3)]
        seen[split] = {name for record in records for name in record.objects}
    assert seen["train"] and seen["test"] and not seen["train"] & seen["test"]


@pytest.mark.parametrize(("option", "value"), [("--count", "0"), ("--jobs", "0"), ("--seed", "-1")])
def test_impossible_numbers_are_refused(tmp_path, option, value):
    with pytest.raises(ValueError, match=f"{option} is {value}; allowed"):
        scenes.run(arguments(tmp_path, option, value))


def test_annotations_are_whole(tmp_path):
    scenes.run(arguments(tmp_path, "--density", "bed", "--count", "1"))
    tree = json.loads((tmp_path / "annotations.json").read_text())
    assert [category["name"] for category in tree["categories"]][:2] == list(LABELS)
    assert not list(tmp_path.glob("*.part"))

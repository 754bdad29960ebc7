"""Data sets of every format written to disk and read back; every kind of problem made and found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as reference_masks

from spp_sorter.evaluation.datasets import (
    Dataset,
    DatasetError,
    ImageRecord,
    LabelMap,
    check_dataset,
    read_dataset,
    write_coco,
)
from spp_sorter.evaluation.masks import Mask, pack_counts, unpack_counts
from spp_sorter.evaluation.truth import ANY_LABEL

ROOT = Path(__file__).resolve().parent.parent


def picture(path: Path, height: int = 40, width: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    assert cv2.imwrite(str(path), image)
    return path


def coco_file(path: Path, annotations: list[dict], images: list[dict] | None = None) -> Path:
    if images is None:
        picture(path.parent / "a.png")
        images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}]
    tree = {
        "images": images,
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **a} for i, a in enumerate(annotations)
        ],
        "categories": [{"id": 0, "name": "compost"}, {"id": 1, "name": "non_compost"}, {"id": 2, "name": "Shoe"}],
    }
    path.write_text(json.dumps(tree))
    return path


masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@settings(max_examples=200, deadline=None)
@given(masks)
def test_mask_runs_are_those_of_pycocotools(mask: np.ndarray) -> None:
    stored = Mask.of(mask)
    np.testing.assert_array_equal(stored.decode(), mask)
    packed = stored.to_coco()
    reference = reference_masks.encode(np.asfortranarray(mask, np.uint8))
    assert packed["counts"] == reference["counts"].decode()
    again = Mask.from_coco(packed, mask.shape)
    assert again is not None
    np.testing.assert_array_equal(again.decode(), mask)


@given(st.lists(st.integers(0, 10**7), max_size=20))
def test_packed_counts_come_back(counts: list[int]) -> None:
    assert unpack_counts(pack_counts(counts)) == tuple(counts)


def test_polygons_cover_what_pycocotools_says() -> None:
    triangle, square = [5.0, 5.0, 55.0, 8.0, 30.0, 37.5], [2.0, 20.0, 12.0, 20.0, 12.0, 30.0, 2.0, 30.0]
    mask = Mask.from_coco([triangle, square], (40, 60))
    assert mask is not None
    ours = mask.decode()
    runs = reference_masks.merge(reference_masks.frPyObjects([triangle, square], 40, 60))
    theirs = reference_masks.decode([runs])[:, :, 0].astype(bool)
    assert np.sum(ours & theirs) / np.sum(ours | theirs) > 0.97


def test_polygon_fills_the_pixels_whose_centre_is_inside() -> None:
    mask = Mask((6, 8), None, ((2.0, 1.0, 6.0, 1.0, 6.0, 4.0, 2.0, 4.0), (-3.0, 4.6, 1.4, 4.6, 1.4, 9.0, -3.0, 9.0)))
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = True
    expected[5, 0:1] = True
    np.testing.assert_array_equal(mask.decode(), expected)


@pytest.mark.parametrize(
    "segmentation",
    ["x", [[1, 2, 3, 4]], [1, 2, 3, 4, 5, 6], {"size": [40, 60], "counts": [10]}, {"size": [9, 9], "counts": [81]}],
)
def test_broken_masks_are_named(segmentation: object) -> None:
    with pytest.raises(ValueError, match=r"allowed|fewer"):
        Mask.from_coco(segmentation, (40, 60))


@pytest.mark.parametrize("text", ["\x01", "o", "10O"])
def test_broken_runs_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        unpack_counts(text)


def test_coco_written_and_read_back_is_the_same(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), bool)
    mask[4:20, 3:30] = True
    record = ImageRecord(
        path=picture(tmp_path / "data" / "a.png"),
        size_hw=(40, 60),
        boxes_xyxy=np.array([[3.0, 4.0, 30.0, 20.0], [0.5, 0.5, 60.0, 40.0], [1.0, 1.0, 2.0, 2.0]]),
        labels=np.array([1, 0, ANY_LABEL]),
        ignore=np.array([False, True, True]),
        areas=np.array([mask.sum(), 100.0, 1.0]),
        masks=(Mask.of(mask), None, None),
        objects=("bottle_7", "", "peel_1"),
    )
    empty = ImageRecord(
        picture(tmp_path / "data" / "b.jpg"), (40, 60), np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool),
        np.zeros(0), (), (),
    )  # fmt: skip
    written = Dataset(tmp_path, ("compost", "non_compost"), (record, empty))
    write_coco(tmp_path / "labels.json", written)
    read = read_dataset(tmp_path, decode_pictures=True)
    assert read.label_names == written.label_names and len(read) == 2 and read.num_items == 3
    assert [r.path.name for r in read.records] == ["a.png", "b.jpg"]
    for name in ("boxes_xyxy", "labels", "ignore", "areas"):
        np.testing.assert_array_equal(getattr(read.records[0], name), getattr(record, name))
    assert read.records[0].objects == record.objects
    assert read.records[0].masks == record.masks
    assert len(read.records[1].labels) == 0
    assert read.records[0].read_image().shape == (40, 60, 3)
    truth = read.records[0].ground_truth()
    assert truth.labels.tolist() == [1, 0, -1]
    assert not (tmp_path / "labels.json.part").exists()


def test_layout_of_taco(tmp_path: Path) -> None:
    """Category ids from 0, pictures in batches, a box that the annotation tool rounded over the edge."""
    picture(tmp_path / "data" / "batch_1" / "000006.jpg")
    images = [{"id": 0, "file_name": "batch_1/000006.jpg", "height": 40, "width": 60}]
    tree = {
        "images": images,
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 0, "bbox": [5.0, -1.3, 20.0, 20.0], "area": 300.0, "iscrowd": 0},
            {"id": 2, "image_id": 0, "category_id": 25, "bbox": [30, 10, 20, 20], "area": 10.0, "iscrowd": 0},
            {"id": 3, "image_id": 0, "category_id": 33, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0},
        ],
        "categories": [
            {"id": 0, "name": "Aluminium foil", "supercategory": "Aluminium foil"},
            {"id": 25, "name": "Food waste", "supercategory": "Food waste"},
            {"id": 33, "name": "Normal paper", "supercategory": "Paper"},
        ],
    }
    (tmp_path / "data" / "annotations.json").write_text(json.dumps(tree))
    label_map = LabelMap.read(ROOT / "config" / "labels_taco.yaml")
    record = read_dataset(tmp_path / "data", label_map).records[0]
    assert record.labels.tolist() == [1, 0, ANY_LABEL]
    assert record.ignore.tolist() == [False, False, True]
    assert record.boxes_xyxy[0].tolist() == [5.0, 0.0, 25.0, 18.7]
    assert record.areas.tolist() == [300.0, 10.0, 25.0]


def test_layout_of_zerowaste(tmp_path: Path) -> None:
    picture(tmp_path / "test" / "data" / "01_frame.PNG")
    tree = {
        "images": [{"id": 1, "file_name": "01_frame.PNG", "height": 40, "width": 60}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 4, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}],
        "categories": [{"id": 2, "name": "cardboard"}, {"id": 4, "name": "soft_plastic"}],
    }
    (tmp_path / "test" / "labels.json").write_text(json.dumps(tree))
    label_map = LabelMap.read(ROOT / "config" / "labels_zerowaste.yaml")
    assert read_dataset(tmp_path / "test", label_map).records[0].labels.tolist() == [1]


def test_layout_of_coco(tmp_path: Path) -> None:
    picture(tmp_path / "val2017" / "a.jpg")
    (tmp_path / "annotations").mkdir()
    images = [{"id": 1, "file_name": "a.jpg", "height": 40, "width": 60}]
    path = coco_file(tmp_path / "annotations" / "instances_val2017.json", [{"bbox": [0, 0, 5, 5]}], images)
    assert read_dataset(path).records[0].path == tmp_path / "val2017" / "a.jpg"


@pytest.mark.parametrize(("name", "categories"), [("taco", 60), ("zerowaste", 4)])
def test_shipped_label_maps_are_whole(name: str, categories: int) -> None:
    label_map = LabelMap.read(ROOT / "config" / f"labels_{name}.yaml")
    assert len(label_map.labels) == categories
    assert set(label_map.labels.values()) <= {0, 1, ANY_LABEL}
    assert 1 in label_map.labels.values()
    paper = {"taco": ("Normal paper", "Corrugated carton"), "zerowaste": ("cardboard",)}[name]
    assert all(label_map.get(category) == ANY_LABEL for category in paper)


def test_bad_label_map_lists_every_line(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("categories:\n  Shoe: rubbish\n  Can: non_compost\n  can: compost\n")
    with pytest.raises(DatasetError) as error:
        LabelMap.read(path)
    assert [(p.index, p.kind) for p in error.value.problems] == [
        ("line 2", "unknown category"),
        ("line 4", "duplicate"),
    ]
    for text in ("labels: x", "- a", "a: [", ""):
        path.write_text(text)
        with pytest.raises(DatasetError, match="malformed"):
            LabelMap.read(path)
    with pytest.raises(DatasetError, match="nowhere"):
        LabelMap.read(tmp_path / "nowhere.yaml")


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    picture(tmp_path / "good.png")
    picture(tmp_path / "cut.jpg", 200, 200)
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    images = [
        {"id": 1, "file_name": "good.png", "height": 40, "width": 60},
        {"id": 2, "file_name": "gone.png", "height": 40, "width": 60},
        {"id": 3, "file_name": "cut.jpg", "height": 200, "width": 200},
        {"id": 4, "file_name": "text.png", "height": 40, "width": 60},
        {"id": 1, "file_name": "good.png", "height": 40, "width": 60},
        {"id": 5, "file_name": "good.png", "height": 40, "width": 60},
        {"id": 6},
    ]
    annotations = [
        {"bbox": [0, 0, 10, 10]},
        {"bbox": [55, 0, 10, 10]},
        {"bbox": [5, 5, 0, 10]},
        {"bbox": [0, 0, 10, 10]},
        {"bbox": [20, 20, 5, 5], "category_id": 2},
        {"bbox": [1, 1, 5, 5], "category_id": 2},
        {"bbox": [1, 1, 5, 5], "category_id": 99},
        {"bbox": [1, 1, 5, 5], "image_id": 77},
        {"bbox": [1, 1, 5]},
        {"bbox": [1, 1, float("nan"), 3]},
        {"bbox": [1, 1, 9, 9], "segmentation": {"size": [40, 60], "counts": [7]}},
    ]
    path = coco_file(tmp_path / "labels.json", annotations, images)
    problems = check_dataset(path)
    assert {(p.index, p.kind) for p in problems} == {
        ("images[1]", "missing picture"),
        ("images[2]", "broken picture"),
        ("images[3]", "broken picture"),
        ("images[4]", "duplicate"),
        ("images[5]", "duplicate"),
        ("images[6]", "malformed"),
        ("annotations[1]", "box outside"),
        ("annotations[2]", "zero area"),
        ("annotations[3]", "duplicate"),
        ("annotations[4]", "unknown category"),
        ("annotations[6]", "malformed"),
        ("annotations[7]", "malformed"),
        ("annotations[8]", "malformed"),
        ("annotations[9]", "malformed"),
        ("annotations[10]", "malformed"),
    }
    assert all(p.file == path for p in problems)
    assert "'Shoe' (2 items)" in next(str(p) for p in problems if p.kind == "unknown category")
    with pytest.raises(DatasetError) as error:
        read_dataset(path, decode_pictures=True)
    assert [str(p) for p in error.value.problems] == [str(p) for p in problems]
    rest = read_dataset(path, decode_pictures=True, skip_broken=True)
    assert [r.path.name for r in rest.records] == ["good.png"]
    assert rest.records[0].boxes_xyxy.tolist() == [[0, 0, 10, 10]]
    assert rest.left_out == problems


def test_size_that_differs_from_the_picture_is_a_problem(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 40, 60)
    images = [{"id": 1, "file_name": "a.png", "height": 60, "width": 40}]
    (problem,) = check_dataset(coco_file(tmp_path / "labels.json", [], images))
    assert problem.kind == "wrong size" and "60 x 40" in problem.message and "40 x 60" in problem.message


def test_size_follows_the_exif_orientation_as_opencv_does(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    images = [{"id": 1, "file_name": "a.jpg", "height": 60, "width": 40}]
    record = read_dataset(coco_file(tmp_path / "labels.json", [], images)).records[0]
    assert record.size_hw == record.read_image().shape[:2] == (60, 40)


VOC = """<annotation><filename>a.jpg</filename><size><width>60</width><height>40</height><depth>3</depth></size>
<object><name>compost</name><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>20</ymax></bndbox></object>
<object><name>Non_Compost</name><difficult>1</difficult>
<bndbox><xmin>11</xmin><ymin>5</ymin><xmax>60</xmax><ymax>40</ymax></bndbox></object>{more}</annotation>"""


def test_voc_boxes_count_pixels_from_one(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(VOC.format(more=""))
    record = read_dataset(tmp_path, decode_pictures=True).records[0]
    assert record.boxes_xyxy.tolist() == [[0, 0, 10, 20], [10, 4, 60, 40]]
    assert record.labels.tolist() == [0, 1]
    assert record.ignore.tolist() == [False, True]


def test_problems_of_voc_name_file_and_object(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    more = "<object><name>compost</name></object>"
    (tmp_path / "a.xml").write_text(VOC.format(more=more))
    (tmp_path / "b.xml").write_text("<annotation>")
    (tmp_path / "c.xml").write_text(VOC.format(more="").replace("a.jpg", "c.jpg"))
    found = {(p.file.name, p.index, p.kind) for p in check_dataset(tmp_path)}
    assert found == {
        ("a.xml", "object[2]", "malformed"),
        ("b.xml", "", "malformed"),
        ("c.xml", "", "missing picture"),
    }


def yolo_folder(folder: Path) -> Path:
    picture(folder / "images" / "val" / "a.png", 40, 60)
    picture(folder / "images" / "val" / "b.png", 40, 60)
    (folder / "labels" / "val").mkdir(parents=True)
    (folder / "data.yaml").write_text("names:\n  0: compost\n  1: non_compost\n")
    return folder


def test_yolo_boxes_and_outlines(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path)
    (folder / "labels" / "val" / "a.txt").write_text("1 0.5 0.5 0.5 0.25\n\n0 0.1 0.1 0.5 0.1 0.5 0.6\n")
    for data in (folder, folder / "data.yaml", folder / "images" / "val"):
        dataset = read_dataset(data, decode_pictures=True)
        first, second = dataset.records
        np.testing.assert_allclose(first.boxes_xyxy, [[15, 15, 45, 25], [6, 4, 30, 24]])
        assert first.labels.tolist() == [1, 0]
        assert first.masks[0] is None and first.masks[1] is not None
        assert 200 < first.masks[1].decode().sum() < 290
        assert len(second.labels) == 0


def test_problems_of_yolo_name_file_and_line(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path)
    (folder / "labels" / "val" / "a.txt").write_text("1 0.5 0.5 0.5\nx 1 1 1 1\n5 0.5 0.5 0.1 0.1\n0 0.9 0.5 0.4 0.1\n")
    (folder / "labels" / "val" / "lost.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    found = {(p.file.name, p.index, p.kind) for p in check_dataset(folder)}
    assert found == {
        ("a.txt", "line 1", "malformed"),
        ("a.txt", "line 2", "malformed"),
        ("a.txt", "line 3", "unknown category"),
        ("a.txt", "line 4", "box outside"),
        ("lost.txt", "", "missing picture"),
    }


@pytest.mark.parametrize("text", ["[]", "{", '{"images": [], "annotations": 3, "categories": []}'])
def test_a_json_that_is_not_coco_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    (problem,) = check_dataset(tmp_path / "labels.json")
    assert problem.kind == "malformed"


def test_what_is_no_data_set_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="COCO's json"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="is not there"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no pictures"):
        read_dataset(coco_file(tmp_path / "labels.json", [], []))

"""Photographs to classify: TrashNet's six classes, and compost against the rest, packed in one file or in folders.

Letters: N photographs, F folds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from spp_sorter.values import LABELS, ImageArray, IntArray

TRASHNET_LABELS = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
NUM_FOLDS = 3
PRODUCT_PHOTOS = 8
"""Photographs of each grocery product that are packed."""


@dataclass(frozen=True)
class Photographs:
    """Photographs with a class each, and the fold in which each is held out.

    Attributes:
        task: ``trashnet`` or ``compost``.
        names: N names, folder and file.
        images_bgr: N pictures of any size, uint8 [H, W, 3].
        labels: [N] int64.
        label_names: names of the classes.
        folds: [N] int64 below ``NUM_FOLDS``.
    """

    task: str
    names: tuple[str, ...]
    images_bgr: tuple[ImageArray, ...]
    labels: IntArray
    label_names: tuple[str, ...]
    folds: IntArray

    def __len__(self) -> int:
        return len(self.names)

    def select(self, which: np.ndarray) -> Photographs:
        """Those of a [N] bool mask or of an index."""
        index = np.arange(len(self))[which]
        return Photographs(
            self.task,
            tuple(self.names[i] for i in index),
            tuple(self.images_bgr[i] for i in index),
            self.labels[index],
            self.label_names,
            self.folds[index],
        )


def list_photographs(task: str, data: Path) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """Files and labels of a task under the folder ``data``, which holds ``trashnet`` and ``grocery``.

    In ``compost`` fruit and vegetables are compost; cartons, and TrashNet's glass, metal and plastic, are not.

    Raises:
        ValueError: an unknown task.
        FileNotFoundError: a folder is not there.
    """
    if task not in ("trashnet", "compost"):
        raise ValueError(f"task is {task!r}; allowed: trashnet, compost")
    files: list[Path] = []
    labels: list[int] = []
    if task == "trashnet":
        for label, name in enumerate(TRASHNET_LABELS):
            found = _pictures(data / "trashnet" / name)
            files += found
            labels += [label] * len(found)
        return files, labels, TRASHNET_LABELS
    for label, kinds in ((0, ("fruit", "vegetables")), (1, ("packages",))):
        for kind in kinds:
            for product in sorted(path for path in _folder(data / "grocery" / kind).iterdir() if path.is_dir()):
                found = _pictures(product)[:PRODUCT_PHOTOS]
                files += found
                labels += [label] * len(found)
    for name in ("glass", "metal", "plastic"):
        found = _pictures(data / "trashnet" / name)[::4]
        files += found
        labels += [1] * len(found)
    return files, labels, LABELS


def fold_of(files: Sequence[Path], labels: Sequence[int], blocks: bool = False) -> IntArray:
    """The fold in which every file is held out; [N] int64.

    Photographs of one grocery product fall into one fold. Those of TrashNet are dealt out by chance within their
    class, as the literature does; with ``blocks`` neighbouring numbers stay together, because TrashNet shows many items
    several times in a row.
    """
    folds = np.zeros(len(files), np.int64)
    rng = np.random.default_rng(0)
    products: dict[tuple[int, str], int] = {}
    for label in sorted(set(labels)):
        members = [i for i, own in enumerate(labels) if own == label]
        single = [i for i in members if files[i].parent.name in TRASHNET_LABELS]
        order = np.arange(len(single)) if blocks else rng.permutation(len(single))
        for place, i in enumerate(order):
            folds[single[i]] = place * NUM_FOLDS // len(single)
        names = sorted({files[i].parent.name for i in members} - set(TRASHNET_LABELS))
        for place, k in enumerate(rng.permutation(len(names))):
            products[(label, names[k])] = place % NUM_FOLDS
        for i in members:
            folds[i] = products.get((label, files[i].parent.name), folds[i])
    return folds


def load_photographs(task: str, data: Path, blocks: bool = False) -> Photographs:
    """The photographs of a task from folders; raises as ``list_photographs``."""
    files, labels, names = list_photographs(task, data)
    images = tuple(_read(path) for path in files)
    return Photographs(
        task,
        tuple(f"{path.parent.name}/{path.stem}" for path in files),
        images,
        np.array(labels, np.int64),
        names,
        fold_of(files, labels, blocks),
    )


def pack_photographs(task: str, data: Path, path: Path, long_side: int = 256, quality: int = 80) -> None:
    """Write the photographs of a task into one small file, for a machine that has not got the folders."""
    files, labels, names = list_photographs(task, data)
    jpegs = []
    for file in files:
        image = _read(file)
        scale = long_side / max(image.shape[:2])
        if scale < 1:
            size_wh = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA).astype(np.uint8)
        jpegs.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        jpegs=np.concatenate(jpegs),
        ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        files=np.array([f"{file.parent.name}/{file.name}" for file in files]),
        labels=np.array(labels, np.int64),
        label_names=np.array(names),
        task=task,
    )


def read_packed(path: Path, blocks: bool = False) -> Photographs:
    """The photographs of a file of ``pack_photographs``, with the folds that the folders would give."""
    with np.load(path) as content:
        parts = np.split(content["jpegs"], content["ends"][:-1])
        files = [Path(str(name)) for name in content["files"]]
        labels = content["labels"]
        return Photographs(
            str(content["task"]),
            tuple(f"{file.parent.name}/{file.stem}" for file in files),
            tuple(np.asarray(cv2.imdecode(part, cv2.IMREAD_COLOR), np.uint8) for part in parts),
            labels,
            tuple(str(name) for name in content["label_names"]),
            fold_of(files, labels.tolist(), blocks),
        )


def _read(path: Path) -> ImageArray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"picture '{path}' cannot be read; replace it or leave it out")
    return np.asarray(image, np.uint8)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise FileNotFoundError(f"'{path}' is not there; give the folder that holds trashnet/ and grocery/ with --data")
    return path


def _pictures(folder: Path) -> list[Path]:
    """JPEG files in the order of the numbers in their names."""
    return sorted(_folder(folder).glob("*.jpg"), key=lambda path: (int("0" + re.sub(r"\D", "", path.stem)), path.stem))

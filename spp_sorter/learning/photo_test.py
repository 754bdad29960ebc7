"""Test scenes of photographs: composed of objects that training never shows, and single photographs as they are.

The pictures themselves are not part of the project, so the scenes are composed anew from an asset pack wherever they
are needed; they are the same ones for the same pack and seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spp_sorter.evaluation.grasps import AxisBox
from spp_sorter.evaluation.measure import Sample
from spp_sorter.evaluation.truth import ANY_LABEL, GroundTruth
from spp_sorter.learning.composer import ComposedScene, ComposedScenes
from spp_sorter.learning.composer_canvas import SOLID
from spp_sorter.learning.held_out import WHOLE_VISIBLE
from spp_sorter.learning.pack import DEFAULT_PACK, MAKE_PACK, Pack
from spp_sorter.values import LABELS

PHOTO_DENSITIES = ("sparse", "touching", "bed", "single")
FIRST_SEED = 910_000_000
"""Test scenes are seeded from here, far from those of training."""


def find_pack(pack: Path | None = None) -> Path | None:
    """The pack that was named, or the one at its usual place; None where there is none."""
    path = pack if pack is not None else DEFAULT_PACK
    return path if (path / "pack.json").is_file() else None


def no_pack_note() -> str:
    """What to say where there is no pack."""
    return f"no photographs to test on: '{DEFAULT_PACK}' does not exist; {MAKE_PACK}"


def photo_samples(
    pack: Path, label_names: Sequence[str], density: str, num_scenes: int, seed: int, only_sources: Sequence[str] = ()
) -> Iterator[Sample]:
    """Composed scenes of held-out objects; the same ones for the same pack and seed.

    Args:
        pack: folder of the asset pack.
        label_names: of the detector.
        density: one of ``PHOTO_DENSITIES``.
        num_scenes: how many.
        seed: which ones.
        only_sources: where not empty, the only sources whose items are shown.

    Raises:
        PackError: there is no usable pack, or it has no test objects of these sources.
        ValueError: the detector does not know the pack's labels.
    """
    scenes = ComposedScenes(
        pack, "test", FIRST_SEED + seed, num_scenes, densities=(density,), only_sources=only_sources, empty=0.0
    )
    indices = _indices(label_names)
    for number in range(num_scenes):
        yield scene_sample(f"photos {density} {seed}/{number}", scenes.scene(number), indices)


def single_photographs(pack: Path, label_names: Sequence[str], source: str) -> Iterator[Sample]:
    """Every held-out photograph of one item of a source, as it was taken.

    Args:
        pack: folder of the asset pack.
        label_names: of the detector.
        source: such as ``trashnet`` or ``iconic``.

    Raises:
        PackError: there is no usable pack.
        ValueError: the detector does not know the pack's labels.
    """
    opened, indices = Pack(pack), _indices(label_names)
    for asset in opened.assets:
        if asset.source != source or asset.split != "test" or not asset.alone:
            continue
        mask = opened.mask(asset.mask) > SOLID
        yield Sample(
            name=asset.file,
            image_bgr=opened.picture(asset.picture),
            truth=GroundTruth(
                np.array([asset.box], np.float64),
                np.array([indices[asset.label]], np.int64),
                np.zeros(1, bool),
                np.array([mask.sum()], np.float64),
            ),
            objects=(asset.group,),
            mask=partial(_same, mask),
            axis=_unknown,
        )


def scene_sample(name: str, scene: ComposedScene, indices: dict[str, int]) -> Sample:
    """A composed scene as a sample for measuring.

    Args:
        name: what to call it.
        scene: with its truth.
        indices: label -> the detector's number of it.
    """
    labels = np.array([indices[LABELS[label]] for label in scene.labels.tolist()], np.int64)
    numbers = [each.id for each in scene.laid]
    pixels = np.bincount(scene.ids.ravel(), minlength=max(numbers, default=0) + 1)
    return Sample(
        name=name,
        image_bgr=scene.image_bgr,
        truth=GroundTruth(
            scene.boxes_xyxy.astype(np.float64),
            np.where(scene.ignore, ANY_LABEL, labels),
            scene.ignore,
            pixels[np.array(numbers, np.int64)].astype(np.float64),
        ),
        objects=tuple(each.patch.asset.group for each in scene.laid),
        mask=lambda index: scene.ids == numbers[index],
        axis=lambda index: _axis(scene, index),
    )


def _axis(scene: ComposedScene, index: int) -> AxisBox | None:
    """The axis and size of an item that is whole in the picture."""
    asset = scene.laid[index].patch.asset
    if scene.visible[index] < WHOLE_VISIBLE or np.isnan(scene.grasps[index]).any() or asset.cut_sides:
        return None
    _, _, yaw_rad, length_px, width_px = scene.grasps[index].tolist()
    return AxisBox(yaw_rad, length_px, width_px)


def _same(mask: npt.NDArray, _: int) -> npt.NDArray:
    return mask


def _unknown(_: int) -> AxisBox | None:
    return None


def _indices(label_names: Sequence[str]) -> dict[str, int]:
    unknown = set(LABELS) - set(label_names)
    if unknown:
        raise ValueError(
            f"the detector's labels are {', '.join(label_names)}, those of the photographs {', '.join(LABELS)}; "
            "measure this checkpoint with --data"
        )
    return {name: list(label_names).index(name) for name in LABELS}

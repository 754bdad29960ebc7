"""Transforms of a bag: chains, interpolation and refusals, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spp_sorter.ros.transforms import TransformError, TransformTree

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def about_z(degrees: float) -> np.ndarray:
    return Rotation.from_euler("z", degrees, degrees=True).as_quat()


def cell() -> TransformTree:
    """belt <- gantry (static) <- mount (moves) <- camera (static), and a lamp on the gantry."""
    tree = TransformTree()
    tree.add("belt", "gantry", 0, np.array([0.0, 0.0, 1.2]), about_z(90), static=True)
    for second in range(5):
        tree.add("gantry", "mount", second * 10**9, np.array([0.1 * second, 0.0, 0.0]), about_z(10 * second))
    tree.add("mount", "camera", 0, np.array([0.0, 0.05, -0.1]), np.array([1.0, 0.0, 0.0, 0.0]), static=True)
    tree.add("/gantry", "/lamp", 0, np.array([0.5, 0.0, 0.0]), IDENTITY, static=True)
    return tree


@pytest.mark.parametrize("second", [0.0, 1.0, 1.25, 3.999, 4.0])
def test_a_chain_is_composed_at_the_stamp(second: float) -> None:
    pose = cell().lookup("belt", "camera", round(second * 1e9))
    gantry, mount = (Rotation.from_quat(about_z(degrees)) for degrees in (90.0, 10.0 * second))
    flip = Rotation.from_quat([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(pose.rotation, (gantry * mount * flip).as_matrix(), atol=1e-9)
    on_gantry = np.array([0.1 * second, 0.0, 0.0]) + mount.apply([0.0, 0.05, -0.1])
    position = gantry.apply(on_gantry) + np.array([0.0, 0.0, 1.2])
    np.testing.assert_allclose(pose.translation, position, atol=1e-9)


def test_there_and_back_is_nothing_and_branches_meet() -> None:
    tree = cell()
    there, back = tree.lookup("lamp", "camera", 10**9), tree.lookup("camera", "lamp", 10**9)
    np.testing.assert_allclose(there.rotation @ back.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(there.rotation @ back.translation + there.translation, 0, atol=1e-12)
    same = tree.lookup("camera", "camera", 0)
    np.testing.assert_array_equal(same.rotation, np.eye(3))


def test_the_shorter_way_round_is_taken() -> None:
    tree = TransformTree()
    tree.add("a", "b", 0, np.zeros(3), about_z(-10))
    tree.add("a", "b", 100, np.zeros(3), -about_z(10))
    np.testing.assert_allclose(tree.lookup("a", "b", 50).rotation, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("target", "source", "stamp_ns", "words"),
    [
        ("belt", "camera", -1, "before the first"),
        ("belt", "camera", 5 * 10**9, "1.000 s after the last"),
        ("belt", "nose", 0, "'nose' is not in the bag's TF"),
        ("island", "camera", 0, "not connected"),
    ],
)
def test_what_is_not_known_is_said(target: str, source: str, stamp_ns: int, words: str) -> None:
    tree = cell()
    tree.add("sea", "island", 0, np.zeros(3), IDENTITY, static=True)
    with pytest.raises(TransformError, match=words):
        tree.lookup(target, source, stamp_ns)


def test_a_loop_is_said() -> None:
    tree = TransformTree()
    tree.add("a", "b", 0, np.zeros(3), IDENTITY, static=True)
    tree.add("b", "a", 0, np.zeros(3), IDENTITY, static=True)
    with pytest.raises(TransformError, match="loop"):
        tree.lookup("a", "b", 0)

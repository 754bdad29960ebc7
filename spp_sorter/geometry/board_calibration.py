"""From pictures of a board on the belt to the camera's pose in ``belt``, and to the belt's own motion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spp_sorter.geometry.board import Board, BoardSight, CalibrationError
from spp_sorter.geometry.board_motion import BoardMotion, EncoderFit, fit_encoder, fit_motion, moved
from spp_sorter.geometry.board_pose import PlanePose, fit_plane, locate_boards, to_plane_xy
from spp_sorter.geometry.camera import Camera
from spp_sorter.values import BeltSample, CameraIntrinsics, FloatArray, Pose

TOWARDS = {"right": (1.0, 0.0), "left": (-1.0, 0.0), "down": (0.0, 1.0), "up": (0.0, -1.0)}
"""Directions in the picture."""

ORIGINS = ("camera", "board")
_FIT_PICTURES = 25  # spread over the ride; more make the plane no surer and the fit slower


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the node needs, and how good it is.

    Attributes:
        camera_in_belt: the camera's pose.
        plane: the fit of the plane, with its errors.
        motion: the belt's motion, None where the board lay still.
        encoder: the encoder's clock, None where it could not be told.
        notes: what could not be told, and why.
        sights: the pictures that went into the plane's fit.
    """

    camera_in_belt: Pose
    plane: PlanePose
    motion: BoardMotion | None
    encoder: EncoderFit | None
    notes: tuple[str, ...]
    sights: tuple[BoardSight, ...]


def calibrate(
    sights: Sequence[BoardSight],
    board: Board,
    intrinsics: CameraIntrinsics,
    readings: Sequence[BeltSample] = (),
    thickness_m: float = 0.0,
    towards: str = "right",
    origin: str = "camera",
) -> Calibration:
    """Calibrate.

    Pictures with stamps in which the board moves make a ride: it gives the x axis. Otherwise x is that axis of the
    (first) board which points most nearly ``towards`` in the picture.

    Args:
        sights: the board in one or more pictures; those of a ride in the order of their stamps.
        board: what was printed.
        intrinsics: the camera's.
        readings: of the belt's encoder.
        thickness_m: height of the print above the belt.
        towards: where the belt moves in the picture, for boards that lie still: ``right``, ``left``, ``up``, ``down``.
        origin: ``camera`` (on the belt under the camera) or ``board`` (the middle of the first board).

    Raises:
        CalibrationError: naming what is wrong and what to do about it.
        CameraError: intrinsics that cannot measure.
    """
    if not sights:
        raise CalibrationError("no_board", "no picture shows the board; check --board, --squares and the light")
    chosen = [sights[i] for i in np.unique(np.linspace(0, len(sights) - 1, _FIT_PICTURES).round().astype(int))]
    chosen = [_turned_like(sight, chosen[0], board) for sight in chosen]
    plane = fit_plane(chosen, intrinsics, thickness_m)
    everywhere = [_turned_like(sight, chosen[0], board) for sight in sights]
    placements = locate_boards(everywhere, plane, intrinsics, thickness_m)
    stamps = [sight.stamp_ns for sight in sights]
    motion, encoder, notes = None, None, []
    if all(stamps) and len(sights) > 1 and moved(placements):
        motion = fit_motion(placements, stamps)
        turn = motion.direction_rad
        if readings:
            try:
                encoder = fit_encoder(motion.along_m, stamps, readings)
            except CalibrationError as error:
                notes.append(f"no encoder offset: {error}")
    else:
        turn = _board_axis(plane, placements[0], chosen[0], intrinsics, towards)
    middle = to_plane_xy(np.array([board.size_m]) * 0.5, placements[0])[0]
    start = middle if origin == "board" else np.zeros(2)
    return Calibration(_in_belt(plane.camera, turn, start), plane, motion, encoder, tuple(notes), tuple(chosen))


def _turned_like(sight: BoardSight, first: BoardSight, board: Board) -> BoardSight:
    """A chessboard looks the same after half a turn: the reading that lies more like the first one is meant."""
    if board.kind != "chessboard":
        return sight
    across = sight.pixels_xy[board.columns - 2] - sight.pixels_xy[0]
    reference = first.pixels_xy[board.columns - 2] - first.pixels_xy[0]
    if float(across @ reference) >= 0.0:
        return sight
    return BoardSight(sight.board_m, sight.pixels_xy[::-1].copy(), sight.stamp_ns, sight.name)


def _board_axis(
    plane: PlanePose, placement: FloatArray, sight: BoardSight, intrinsics: CameraIntrinsics, towards: str
) -> float:
    """The direction on the plane, among the board's four, that points most nearly ``towards`` in the picture."""
    if towards not in TOWARDS:
        raise CalibrationError("board_spec", f"towards is {towards!r}; allowed: {', '.join(TOWARDS)}")
    camera = Camera(intrinsics, plane.camera)
    start = camera.to_plane(sight.pixels_xy.mean(0)[None], 0.0)[0]
    turns = [float(placement[2]) + quarter * math.pi / 2 for quarter in range(4)]
    tips = start + 0.01 * np.array([(math.cos(turn), math.sin(turn), 0.0) for turn in turns])
    steps = camera.project(tips) - camera.project(start[None])
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    return turns[int(np.argmax(steps @ np.array(TOWARDS[towards])))]


def _in_belt(camera_in_plane: Pose, turn: float, start_xy: FloatArray) -> Pose:
    """The pose in a frame that is turned by ``turn`` against the plane's and begins at ``start_xy``."""
    cos, sin = math.cos(turn), math.sin(turn)
    back = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return Pose(back @ camera_in_plane.rotation, back @ (camera_in_plane.translation - (*start_xy, 0.0)))

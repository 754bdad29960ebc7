"""How the belt moves, by a calibration board that rides on it: direction, speed, and the encoder's clock.

Letters: P pictures, E encoder readings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from spp_sorter.geometry.board import CalibrationError
from spp_sorter.values import BeltSample, FloatArray

MIN_TRAVEL_M = 0.05
"""A board that moved less than this lies still."""

_MAX_LATERAL_M = 0.003
_MAX_TURN_RAD = math.radians(0.5)
_LEAST_PICTURES = 5
_STEADY_SHARE = 0.02  # speeds whose spread is below this share of their mean are one speed
_MOST_OFFSET_S = 0.5
_LEAST_CHANGE_MPS = 0.05  # the belt's speed must change by this much to tell clocks apart
_MAX_OFFSET_STD_S = 0.002
_MAX_MISFIT_M = 0.003


@dataclass(frozen=True, slots=True)
class BoardMotion:
    """The belt's motion as a riding board shows it.

    Attributes:
        direction_rad: direction of the motion on the plane, from the plane's x towards its y.
        direction_std_deg: its standard deviation.
        travel_m: how far the board came.
        along_m: [P] how far it had come in each picture.
        lateral_mm: root mean square of what is left across the motion.
        speed_mps: mean speed while it moved.
        speed_std_mps: its standard deviation, from the scatter about even motion.
        steady: whether one speed explains it.
    """

    direction_rad: float
    direction_std_deg: float
    travel_m: float
    along_m: FloatArray
    lateral_mm: float
    speed_mps: float
    speed_std_mps: float
    steady: bool


@dataclass(frozen=True, slots=True)
class EncoderFit:
    """An encoder against the board.

    Attributes:
        offset_s: camera stamp minus encoder stamp of one instant (parameter ``belt.encoder_offset``).
        offset_std_s: its standard deviation.
        scale: metres that the board came for each metre that the encoder says.
        rms_mm: what is left between the two.
    """

    offset_s: float
    offset_std_s: float
    scale: float
    rms_mm: float


def moved(placements: FloatArray) -> bool:
    """Whether a board at these placements [P, 3] rode along."""
    return float(np.linalg.norm(np.ptp(placements[:, :2], axis=0))) >= MIN_TRAVEL_M


def fit_motion(placements: FloatArray, stamps_ns: Sequence[int]) -> BoardMotion:
    """Direction and speed.

    Args:
        placements: [P, 3] x, y, turn of the board on the plane, in the order of the stamps.
        stamps_ns: of the pictures, growing.

    Raises:
        CalibrationError: ``no_motion`` (too few pictures, too little way) or ``bad_board`` (it turned or slid).
    """
    if len(placements) < _LEAST_PICTURES:
        raise CalibrationError(
            "no_motion",
            f"{len(placements)} pictures show the moving board; at least {_LEAST_PICTURES} are needed. Let it ride "
            "through the whole view",
        )
    places = placements[:, :2]
    if not moved(placements):
        raise CalibrationError(
            "no_motion",
            f"the board moved by less than {MIN_TRAVEL_M * 100:g} cm; let the belt carry it through the view",
        )
    turn = np.angle(np.exp(1j * (placements[:, 2] - placements[0, 2])))
    if float(np.ptp(turn)) > 2 * _MAX_TURN_RAD:
        raise CalibrationError(
            "bad_board",
            f"the board turned by {math.degrees(float(np.ptp(turn))):.1f} deg on its way; it must lie still",
        )
    centre = places.mean(0)
    _, sizes, axes = np.linalg.svd(places - centre, full_matrices=False)
    axis = axes[0]
    if float((places[-1] - places[0]) @ axis) < 0.0:
        axis = -axis
    along = (places - places[0]) @ axis
    across = (places - centre) @ np.array([-axis[1], axis[0]])
    lateral = float(np.sqrt((across**2).mean()))
    if lateral > _MAX_LATERAL_M:
        raise CalibrationError(
            "bad_board",
            f"the board left its line by {lateral * 1e3:.1f} mm; allowed: {_MAX_LATERAL_M * 1e3:g} mm. It must "
            "lie still on the belt, and the belt must run straight",
        )
    direction_std = lateral / max(float(sizes[0]), 1e-9)
    speed, speed_std, steady = _speed(along, np.asarray(stamps_ns, np.int64))
    return BoardMotion(
        math.atan2(float(axis[1]), float(axis[0])),
        math.degrees(direction_std),
        float(np.ptp(along)),
        along,
        lateral * 1e3,
        speed,
        speed_std,
        steady,
    )


def _speed(along_m: FloatArray, stamps_ns: FloatArray) -> tuple[float, float, bool]:
    """Mean speed, its standard deviation, and whether one speed explains the positions."""
    seconds = (stamps_ns - stamps_ns[0]) * 1e-9
    if np.any(np.diff(seconds) <= 0.0):
        raise CalibrationError(
            "no_motion", "the pictures' stamps do not grow; record them with the camera's own stamps"
        )
    centred = seconds - seconds.mean()
    slope = float(centred @ along_m / (centred @ centred))
    left = along_m - along_m.mean() - slope * centred
    freedom = max(len(along_m) - 2, 1)
    std = math.sqrt(float(left @ left) / freedom / float(centred @ centred))
    bow = np.polyfit(centred, along_m, 2)[0]
    change = abs(2.0 * bow) * float(np.ptp(seconds))
    scatter = math.sqrt(float((left**2).mean()))
    steady = change < 2 * _STEADY_SHARE * abs(slope) and scatter < _STEADY_SHARE * float(np.ptp(along_m))
    return slope, std, steady


def fit_encoder(along_m: FloatArray, stamps_ns: Sequence[int], readings: Sequence[BeltSample]) -> EncoderFit:
    """The encoder's clock and scale, from a ride on which the belt changed its speed.

    Args:
        along_m: [P] how far the board had come.
        stamps_ns: of the pictures.
        readings: encoder positions, in order.

    Raises:
        CalibrationError: ``offset_unknown``, with what to do.
    """
    known = [(s.stamp_ns, s.position_m) for s in readings if s.position_m is not None and math.isfinite(s.position_m)]
    if len(known) < 10:
        raise CalibrationError(
            "offset_unknown", f"{len(known)} encoder positions were recorded; at least 10 are needed (JointState)"
        )
    start_ns = int(stamps_ns[0])
    times = (np.array([stamp for stamp, _ in known], np.int64) - start_ns) * 1e-9
    order = np.argsort(times, kind="stable")
    times, positions = times[order], np.array([position for _, position in known])[order]
    pictures = (np.asarray(stamps_ns, np.int64) - start_ns) * 1e-9
    _check_speed_changes(times, positions, pictures)

    def residuals(values: FloatArray) -> FloatArray:
        offset, scale, start = values
        return np.asarray(start + scale * np.interp(pictures - offset, times, positions) - along_m)

    def linear(offset: float) -> tuple[float, FloatArray]:
        table = np.column_stack([np.interp(pictures - offset, times, positions), np.ones(len(pictures))])
        solution, *_ = np.linalg.lstsq(table, along_m, rcond=None)
        return float(((table @ solution - along_m) ** 2).sum()), solution

    trials = np.arange(-_MOST_OFFSET_S, _MOST_OFFSET_S + 1e-9, 0.005)
    best = float(min(trials, key=lambda offset: linear(float(offset))[0]))
    if abs(best) > _MOST_OFFSET_S - 0.01:
        raise CalibrationError(
            "offset_unknown",
            f"the clocks of camera and encoder differ by more than {_MOST_OFFSET_S:g} s; synchronise them first "
            "(chrony, PTP), or stamp both on one machine",
        )
    fit = least_squares(residuals, [best, *linear(best)[1]], x_scale=[1e-3, 1.0, 1e-2])
    offset, scale, _ = (float(value) for value in fit.x)
    rms = math.sqrt(float((fit.fun**2).mean()))
    noise = math.sqrt(float((fit.fun**2).sum()) / max(len(along_m) - 3, 1))
    offset_std = float(noise * np.sqrt(np.linalg.pinv(fit.jac.T @ fit.jac)[0, 0]))
    if rms > _MAX_MISFIT_M:
        raise CalibrationError(
            "offset_unknown",
            f"encoder and board differ by {rms * 1e3:.1f} mm along the ride; allowed: {_MAX_MISFIT_M * 1e3:g} mm. The "
            "encoder slips, restarts or misses counts",
        )
    if offset_std > _MAX_OFFSET_STD_S:
        raise CalibrationError(
            "offset_unknown",
            f"the offset is in doubt by {offset_std * 1e3:.1f} ms; allowed: {_MAX_OFFSET_STD_S * 1e3:g} ms. Start "
            "and stop the belt more often while the board is in view",
        )
    return EncoderFit(offset, offset_std, scale, rms * 1e3)


def _check_speed_changes(times: FloatArray, positions: FloatArray, pictures: FloatArray) -> None:
    inside = (times >= pictures[0] - 0.1) & (times <= pictures[-1] + 0.1)
    if inside.sum() < 10:
        raise CalibrationError(
            "offset_unknown",
            "the encoder was not recorded while the board rode by; record both, and check that their stamps are of one "
            "clock",
        )
    grid = np.arange(times[inside][0], times[inside][-1], 0.1)
    speeds = np.diff(np.interp(grid, times, positions)) / 0.1
    change = float(np.ptp(speeds)) if len(speeds) else 0.0
    if change < _LEAST_CHANGE_MPS:
        raise CalibrationError(
            "offset_unknown",
            f"the belt's speed changed by {change:.3f} m/s only, and at one speed a late clock looks like a board "
            f"a little further on. Start or stop the belt while the board is in view (by at least "
            f"{_LEAST_CHANGE_MPS:g} m/s)",
        )

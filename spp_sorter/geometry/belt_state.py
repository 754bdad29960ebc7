"""What is known about the belt at a stamp, and where it goes from there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.values import FloatArray, Level, Status

MAX_EXTRAPOLATION_S = 0.5
"""Silence of the sensor after which the motion is unknown; also how long an acceleration is believed to last."""

STOPPED_MPS = 0.01
"""A belt slower than this stands."""


@dataclass(frozen=True, slots=True)
class BeltState:
    """The belt at one stamp.

    Attributes:
        position_m: position on the source's own scale, continuous.
        std_m: its standard deviation.
        velocity_mps: velocity.
        velocity_std_mps: its standard deviation.
        acceleration_mps2: acceleration, 0 where even motion explains the readings.
        acceleration_std_mps2: how much acceleration may go unseen.
        drift_m2: variance built up in the position since the source's start; a displacement between two stamps carries
            the difference.
    """

    position_m: float
    std_m: float
    velocity_mps: float
    velocity_std_mps: float
    acceleration_mps2: float
    acceleration_std_mps2: float
    drift_m2: float

    def later(self, seconds: float) -> BeltState:
        """This state carried on (or back, with negative ``seconds``)."""
        driven = min(max(seconds, -MAX_EXTRAPOLATION_S), MAX_EXTRAPOLATION_S)
        gained = self.acceleration_mps2 * driven
        bow = 0.5 * self.acceleration_std_mps2 * abs(seconds) * min(abs(seconds), 1.0)
        return BeltState(
            self.position_m + self.velocity_mps * seconds + gained * (seconds - 0.5 * driven),
            math.sqrt(self.std_m**2 + (self.velocity_std_mps * seconds) ** 2 + bow**2),
            self.velocity_mps + gained,
            math.hypot(self.velocity_std_mps, self.acceleration_std_mps2 * min(abs(seconds), 1.0)),
            self.acceleration_mps2,
            self.acceleration_std_mps2,
            self.drift_m2,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where the belt goes from a stamp on: what is known since then, and an extrapolation after that.

    Attributes:
        stamp_ns: the stamp it starts from.
        known_s: seconds from there to the newest reading.
        known_m: displacement by then.
        latest: the belt then; its ``std_m`` is that of ``known_m``.
        scale_std: relative error that all displacements share.
        source: ``encoder``, ``velocity``, ``constant`` or ``texture``.
    """

    stamp_ns: int
    known_s: float
    known_m: float
    latest: BeltState
    scale_std: float
    source: str

    @property
    def velocity_mps(self) -> float:
        """Velocity at the newest reading."""
        return self.latest.velocity_mps

    @property
    def stopped(self) -> bool:
        """Whether the belt stands."""
        return abs(self.latest.velocity_mps) < STOPPED_MPS

    def seconds_to(self, metres: FloatArray) -> FloatArray:
        """When the belt will have moved.

        Args:
            metres: [N] displacements from ``stamp_ns`` on.

        Returns:
            [N] float64 seconds after ``stamp_ns``; negative for the past, inf for never.
        """
        left = np.asarray(metres, np.float64) - self.known_m
        if self.stopped:
            return np.full(left.shape, np.inf)
        # Along the motion everything is positive. A braking belt is not believed to stop or turn before it has.
        sign = math.copysign(1.0, self.latest.velocity_mps)
        v, left = abs(self.latest.velocity_mps), left * sign
        a = max(self.latest.acceleration_mps2 * sign, -0.7 * v / MAX_EXTRAPOLATION_S)
        reached = v + a * MAX_EXTRAPOLATION_S
        gone = 0.5 * (v + reached) * MAX_EXTRAPOLATION_S
        # v t + a t^2 / 2 = left, in the form without cancellation; the speed reached after that is kept.
        root = np.sqrt(np.maximum(v * v + 2.0 * a * left, 0.0))
        seconds = np.where(left <= gone, 2.0 * left / (v + root), MAX_EXTRAPOLATION_S + (left - gone) / reached)
        return np.asarray(self.known_s + np.where(left <= 0.0, left / v, seconds))

    def std_at(self, seconds: FloatArray) -> FloatArray:
        """Standard deviation [N], metres, of the displacement from ``stamp_ns`` to ``seconds`` [N] later."""
        ahead = np.maximum(np.asarray(seconds, np.float64) - self.known_s, 0.0)
        bow = 0.5 * self.latest.acceleration_std_mps2 * ahead * np.minimum(ahead, 1.0)
        variance = self.latest.std_m**2 + (self.latest.velocity_std_mps * ahead) ** 2 + bow**2
        return np.asarray(np.sqrt(variance))


def sample_out_of_order(back_s: float) -> Status:
    """The status for a reading that is older than the one before."""
    return Status(
        "belt_sample_out_of_order",
        Level.WARN,
        f"a belt reading is {back_s * 1e3:.1f} ms older than the one before; dropped. Stamps must grow",
    )


def motion_stale(silence_s: float, what: str) -> Status:
    """The status for a stamp that no reading is near."""
    return Status(
        "belt_motion_stale",
        Level.WARN,
        f"the {what} has no reading within {MAX_EXTRAPOLATION_S:g} s of the frame (the nearest is {silence_s:.2f} s "
        "away); check that it is published and stamped by the camera's clock (belt.encoder_offset)",
    )

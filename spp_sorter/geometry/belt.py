"""How far the belt has moved between two stamps, from which source, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from spp_sorter.config import BeltConfig
from spp_sorter.geometry.belt_encoder import EncoderMotion
from spp_sorter.geometry.belt_speed import ConstantMotion, SpeedMotion
from spp_sorter.geometry.belt_state import BeltState, Forecast
from spp_sorter.values import BeltSample, Level, Status

__all__ = ["BeltMotion", "BeltPosition", "Displacement", "Forecast", "Velocity"]

_TIME_JUMP_S = 0.5  # a reading this much older than the newest one means that time started again
_SCALE_STD = {"encoder": 0.001, "velocity": 0.003, "constant": 0.003, "texture": 0.003}  # wheel diameter, slip, gain


@dataclass(frozen=True, slots=True)
class Displacement:
    """How far the belt moved along +x of ``belt``.

    Attributes:
        metres: the displacement.
        std_m: its standard deviation.
        source: ``encoder``, ``velocity``, ``constant`` or ``texture``.
    """

    metres: float
    std_m: float
    source: str


@dataclass(frozen=True, slots=True)
class Velocity:
    """Belt velocity along +x of ``belt``, its standard deviation and its source."""

    metres_per_second: float
    std_mps: float
    source: str


@dataclass(frozen=True, slots=True)
class BeltPosition:
    """Position of the belt on a scale that goes on over a change of source, for whoever follows items over frames.

    Attributes:
        metres: position; only differences mean anything.
        std_m: noise of this very value.
        drift_m2: variance built up since the start; a difference of positions carries the difference of these.
        scale_std: relative error that all displacements share (wheel diameter, slip, gain).
        source: ``encoder``, ``velocity``, ``constant`` or ``texture``.
    """

    metres: float
    std_m: float
    drift_m2: float
    scale_std: float
    source: str


class BeltMotion:
    """The belt's motion from encoder position, from velocity, from a constant speed, or from the belt's own look.

    ``auto`` takes the encoder where it speaks, else the velocity, else the constant speed. A sensor that has spoken and
    fell silent is not replaced by the constant speed: its belt may well stand.

    Args:
        config: which source, constant speed, offset of the encoder's clock, rollover.
    """

    def __init__(self, config: BeltConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget everything that was read."""
        self._encoder = EncoderMotion(self._config.encoder_rollover)
        self._speed = SpeedMotion()
        self._texture = EncoderMotion(0.0, "belt's texture")
        self._constant = ConstantMotion(self._config.speed)
        self._last: tuple[int, float, float, str] | None = None  # stamp, metres, velocity, source
        self._offset_m = 0.0
        self._drift_m2 = 0.0

    def configure(self, config: BeltConfig) -> None:
        """Take new settings; readings are kept unless the encoder's own settings changed."""
        old, self._config = self._config, config
        if (config.encoder_offset, config.encoder_rollover) != (old.encoder_offset, old.encoder_rollover):
            self._encoder = EncoderMotion(config.encoder_rollover)
            self._speed.clear()
        if config.speed != old.speed:
            self._constant = ConstantMotion(config.speed)
            self._last = None if self._last is None else (*self._last[:3], "changed")

    def add(self, sample: BeltSample) -> Status | None:
        """Take one reading.

        A reading more than 0.5 s older than the newest one means that time has started again (a bag loops): all
        earlier readings are forgotten.

        Returns:
            None, or what is wrong with it: ``belt_position_not_finite``, ``belt_velocity_not_finite``,
            ``belt_sample_empty``, ``belt_sample_out_of_order``, ``belt_encoder_restarted``, ``belt_time_jump``.
        """
        stamp_ns = sample.stamp_ns + round(self._config.encoder_offset * 1e9)
        status = self._restart_if_jumped(stamp_ns)
        if sample.position_m is not None:
            status = self._encoder.add(stamp_ns, float(sample.position_m)) or status
            # Joint states often carry a velocity that nobody filled in.
            if sample.velocity_mps is None or not math.isfinite(sample.velocity_mps):
                return status
        elif sample.velocity_mps is None:
            return Status("belt_sample_empty", Level.WARN, "a belt reading has neither position nor velocity; dropped")
        return self._speed.add(stamp_ns, float(sample.velocity_mps)) or status

    def add_texture(self, stamp_ns: int, position_m: float) -> Status | None:
        """Take a position that ``belt_texture`` measured in the picture of a stamp; an older stamp begins anew."""
        newest_ns = self._texture.newest_ns()
        if newest_ns is not None and stamp_ns <= newest_ns:
            self._texture.clear()
        return self._texture.add(stamp_ns, position_m)

    def _restart_if_jumped(self, stamp_ns: int) -> Status | None:
        newest_ns = max(self._encoder.newest_ns() or stamp_ns, self._speed.newest_ns() or stamp_ns)
        back_s = (newest_ns - stamp_ns) * 1e-9
        if back_s <= _TIME_JUMP_S:
            return None
        self.reset()
        return Status(
            "belt_time_jump", Level.WARN, f"belt readings jumped {back_s:.2f} s back in time; earlier ones forgotten"
        )

    def position(self, stamp_ns: int) -> BeltPosition | Status:
        """The belt at ``stamp_ns``, or a status as ``displacement``; call with growing stamps."""
        source, state = self._state(stamp_ns)
        if isinstance(state, Status):
            return state
        if self._last is not None and self._last[3] != source:
            moved = self._last[2] * (stamp_ns - self._last[0]) * 1e-9
            self._offset_m = self._last[1] + moved - state.position_m
            self._drift_m2 += (0.1 * moved) ** 2
        metres = state.position_m + self._offset_m
        self._last = (stamp_ns, metres, state.velocity_mps, source)
        return BeltPosition(metres, state.std_m, state.drift_m2 + self._drift_m2, _SCALE_STD[source], source)

    def displacement(self, from_ns: int, to_ns: int) -> Displacement | Status:
        """How far the belt moved from one stamp to another; negative when it ran back or ``to_ns`` is earlier.

        Returns:
            The displacement, or a status: ``belt_motion_unknown``, ``belt_motion_stale``, ``belt_velocity_not_finite``.
        """
        source, start = self._state(from_ns)
        if isinstance(start, Status):
            return start
        end = self._state_by(source, to_ns)
        if isinstance(end, Status):
            return end
        metres = end.position_m - start.position_m
        variance = start.std_m**2 + end.std_m**2 + abs(end.drift_m2 - start.drift_m2)
        return Displacement(metres, math.sqrt(variance + (_SCALE_STD[source] * metres) ** 2), source)

    def velocity(self, stamp_ns: int) -> Velocity | Status:
        """The belt's velocity at a stamp, or a status as ``displacement``."""
        source, state = self._state(stamp_ns)
        if isinstance(state, Status):
            return state
        return Velocity(state.velocity_mps, state.velocity_std_mps, source)

    def forecast(self, stamp_ns: int) -> Forecast | Status:
        """Where the belt goes from ``stamp_ns`` on, by every reading at hand, or a status as ``displacement``."""
        source, start = self._state(stamp_ns)
        if isinstance(start, Status):
            return start
        newest_ns = self._newest_ns(source)
        if newest_ns is None or newest_ns <= stamp_ns:
            return Forecast(stamp_ns, 0.0, 0.0, replace(start, std_m=0.0), _SCALE_STD[source], source)
        latest = self._state_by(source, newest_ns)
        if isinstance(latest, Status):
            return latest
        return Forecast(
            stamp_ns,
            (newest_ns - stamp_ns) * 1e-9,
            latest.position_m - start.position_m,
            replace(latest, std_m=math.hypot(latest.std_m, start.std_m)),
            _SCALE_STD[source],
            source,
        )

    def _newest_ns(self, source: str) -> int | None:
        if source == "constant":
            return None
        if source == "velocity":
            return self._speed.newest_ns()
        return (self._encoder if source == "encoder" else self._texture).newest_ns()

    def _state(self, stamp_ns: int) -> tuple[str, BeltState | Status]:
        """The first source in order of preference that knows, else what the preferred one says."""
        sources = self._sources()
        refusal: Status | None = None
        for source in sources:
            answer = self._state_by(source, stamp_ns)
            if isinstance(answer, BeltState):
                return source, answer
            refusal = refusal or answer
        assert refusal is not None
        return sources[0], refusal

    def _sources(self) -> tuple[str, ...]:
        if self._config.motion != "auto":
            return (self._config.motion,)
        spoken = [name for name, source in (("encoder", self._encoder), ("velocity", self._speed)) if len(source)]
        return tuple(spoken) or ("constant",)

    def _state_by(self, source: str, stamp_ns: int) -> BeltState | Status:
        if source == "encoder":
            return self._encoder.state(stamp_ns)
        if source == "velocity":
            return self._speed.state(stamp_ns)
        if source == "constant":
            return self._constant.state(stamp_ns)
        return self._texture.state(stamp_ns)

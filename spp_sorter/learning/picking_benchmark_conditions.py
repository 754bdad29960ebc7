"""The conditions of the picking benchmark: what is different from the usual cell, by name."""

from __future__ import annotations

from dataclasses import dataclass

BASE = "base"
"""The usual cell, to which the others are compared."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a run of the sorter meets.

    Attributes:
        name: its key among the figures.
        density: how the items lie, None for what the run asks for.
        profile: how the belt moves (``picking_benchmark_belts.PROFILES``).
        latency_s: from a frame's stamp to the moment at which its list is sent.
        dropped: share of the frames that the sorter never gets, at random.
        encoder_hz: readings of the belt's encoder per second; 0 for none.
        encoder_jitter_s: standard deviation of the error of their stamps.
        encoder_late_s: how far the encoder's clock is ahead of the camera's; ``belt.encoder_offset`` undoes it.
        depth_noise_m: standard deviation of the depth image's noise, None for no depth.
        depth_dropout: share of depth pixels without a reading.
        trigger: when the network runs, as ``inference.trigger``.
    """

    name: str
    density: str | None = None
    profile: str = "steady"
    latency_s: float = 0.05
    dropped: float = 0.0
    encoder_hz: float = 100.0
    encoder_jitter_s: float = 0.0
    encoder_late_s: float = 0.0
    depth_noise_m: float | None = None
    depth_dropout: float = 0.0
    trigger: str = "every_frame"


CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition(BASE),
        Condition("latency_0", latency_s=0.0),
        Condition("latency_50", latency_s=0.05),
        Condition("latency_150", latency_s=0.15),
        Condition("drop_30", dropped=0.3),
        Condition("encoder_20hz_jitter_5ms", encoder_hz=20.0, encoder_jitter_s=0.005),
        Condition("stamps_off_20ms", encoder_late_s=0.02),
        Condition("depth", depth_noise_m=0.001, depth_dropout=0.02),
        Condition("depth_noisy", depth_noise_m=0.005, depth_dropout=0.2),
        Condition("speed_changes", profile="changing"),
        Condition("stop", profile="stopping"),
        Condition("belt_travel", trigger="belt_travel"),
        Condition("bed", density="bed"),
        Condition("sparse", density="sparse"),
    )
}
"""Every condition by its name; ``base`` is the run itself."""

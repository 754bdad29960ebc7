"""The faults of a soak run: what each does, how long it lasts, and in which order they come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

FAULT_TOPIC = "/soak/fault"
"""Carries the name of the fault in force, empty for none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: for the report.
        where: ``camera`` and ``sorter`` carry it out inside these processes, ``soak`` from outside.
        seconds: how long it lasts.
        help: what it does.
        located: whether items must be located again afterwards, not just detected.
    """

    name: str
    where: str
    seconds: float
    help: str
    located: bool = False


FAULTS: tuple[Fault, ...] = (
    Fault("camera_silent", "camera", 3.0, "the driver is there and sends no image"),
    Fault("camera_gone", "soak", 3.0, "the camera's process is killed and started again", located=True),
    Fault("image_half_size", "camera", 1.5, "images of half the size, camera_info as before", located=True),
    Fault("image_rgb8", "camera", 1.0, "another encoding"),
    Fault("image_mono8", "camera", 1.0, "another encoding, one channel"),
    Fault("image_unknown_encoding", "camera", 1.0, "an encoding that nobody knows"),
    Fault("image_truncated", "camera", 1.0, "images cut in the middle"),
    Fault("image_empty", "camera", 1.0, "images without pixels"),
    Fault("camera_info_zero", "camera", 1.5, "camera_info that is not calibrated", located=True),
    Fault("camera_info_size", "camera", 1.5, "camera_info of another size", located=True),
    Fault("camera_info_nan", "camera", 1.5, "camera_info that is not finite", located=True),
    Fault("clock_ahead", "camera", 2.5, "the camera's clock is an hour ahead", located=True),
    Fault("clock_behind", "camera", 2.5, "the camera's clock is an hour behind", located=True),
    Fault("time_back", "camera", 2.5, "time starts again half a second earlier, as in a bag that loops", located=True),
    Fault("encoder_gone", "camera", 2.0, "no encoder readings", located=True),
    Fault("encoder_restart", "camera", 1.0, "the encoder counts from 0 again", located=True),
    Fault("encoder_nan", "camera", 1.0, "encoder readings that are not finite", located=True),
    Fault("detector_raises", "sorter", 1.0, "the detector raises"),
    Fault("detector_out_of_memory", "sorter", 1.0, "the GPU has no memory left"),
    Fault("detector_slow", "sorter", 2.5, "a frame takes longer than node.max_age"),
    Fault("detector_hangs", "sorter", 3.0, "one frame takes longer than node.stale_after"),
    Fault("sorter_paused", "soak", 2.0, "the sorter's process gets no processor"),
    Fault("subscriber_stalls", "soak", 2.0, "a reliable subscriber of every output stands still"),
    Fault("parameters_garbage", "soak", 1.0, "parameters are set to nonsense"),
)


def schedule(seed: int, names: tuple[str, ...] = ()) -> Iterator[Fault]:
    """Faults for ever: each once, in a random order, then again in another.

    Args:
        seed: of the order.
        names: faults to take; empty for all.

    Raises:
        ValueError: a name that no fault has.
    """
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--faults has {', '.join(unknown)}; known: {', '.join(known)}")
    return _endless(random.Random(seed), [known[name] for name in names] or list(FAULTS))


def _endless(order: random.Random, chosen: list[Fault]) -> Iterator[Fault]:
    while True:
        order.shuffle(chosen)
        yield from chosen

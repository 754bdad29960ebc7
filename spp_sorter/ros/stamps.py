"""Stamps, headers, and the one error that every conversion of a message raises."""

from __future__ import annotations

import math
from collections.abc import Iterable

from builtin_interfaces.msg import Time
from std_msgs.msg import Header


class BadFrame(ValueError):
    """A message that cannot become a value.

    Attributes:
        cause: short key for counting: ``empty``, ``unknown_encoding``, ``bad_size``, ``bad_step``, ``truncated``,
            ``undecodable``, ``damaged``, ``bad_stamp``, ``uncalibrated``, ``bad_intrinsics``, ``unknown_distortion``,
            ``bad_belt`` or ``bad_field``.
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def stamp_to_ns(stamp: Time) -> int:
    """Integer nanoseconds of a builtin_interfaces/Time.

    Raises:
        BadFrame: ``bad_stamp``: a nanosecond part of a second or more.
    """
    if stamp.nanosec >= 1_000_000_000:
        raise BadFrame("bad_stamp", f"stamp has {stamp.nanosec} nanoseconds; allowed: less than 1000000000")
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def ns_to_stamp(stamp_ns: int) -> Time:
    """builtin_interfaces/Time of integer nanoseconds.

    Raises:
        BadFrame: ``bad_stamp``, before 1901 or after 2038, which the message cannot hold.
    """
    seconds, nanoseconds = divmod(int(stamp_ns), 1_000_000_000)
    if not -(1 << 31) <= seconds < 1 << 31:
        raise BadFrame("bad_stamp", f"stamp is {stamp_ns} ns; allowed: seconds in 32 bits")
    return Time(sec=seconds, nanosec=nanoseconds)


def make_header(stamp_ns: int, frame_id: str) -> Header:
    """std_msgs/Header of a stamp in nanoseconds and a frame."""
    return Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame_id)


def require_finite(cause: str, what: str, values: Iterable[float]) -> None:
    """Raise BadFrame ``cause``, naming ``what``, when one of ``values`` is NaN or infinite."""
    numbers = list(values)
    if not all(map(math.isfinite, numbers)):
        raise BadFrame(cause, f"{what} has {numbers[:8]}; allowed: finite numbers")

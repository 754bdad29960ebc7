"""10,000 random and malformed pictures through the node's own path: none is fatal, each is counted under its cause."""

from __future__ import annotations

import array
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rclpy
from node_cell import picture
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from spp_sorter.config import Config
from spp_sorter.ros import messages
from spp_sorter.ros.health import Health
from spp_sorter.ros.intake import Intake
from spp_sorter.values import Frame

NUMBER = 10_000
CAUSES = {
    *("empty", "unknown_encoding", "bad_size", "bad_step", "truncated", "undecodable", "damaged", "bad_stamp"),
}
SOUND = picture((24, 32))


def some_image(dice: random.Random) -> Image:
    """A sound picture of a random encoding, then up to three of its fields made wrong."""
    message = messages.bgr_to_image(SOUND, messages.make_header(dice.randrange(2**60), "camera"))
    message.encoding = dice.choice([*messages.ENCODINGS, "RGB8", "", "32FC1", "jpeg", "\x00"])
    for field in dice.sample(("width", "height", "step", "is_bigendian", "data", "stamp"), dice.randrange(4)):
        if field == "data":
            message.data = array.array("B", dice.randbytes(dice.choice((0, 1, 95, 2303, 2304, 5000))))
        elif field == "stamp":
            message.header.stamp.nanosec = dice.randrange(2**32)
        elif field == "is_bigendian":
            message.is_bigendian = dice.randrange(256)
        else:
            setattr(message, field, dice.choice((0, 1, 31, 32, 33, 96, 4096, 2**31, 2**32 - 1, dice.randrange(100))))
    return message


def some_compressed(dice: random.Random) -> CompressedImage:
    """A sound JPEG or PNG, cut, filled with noise, or of another kind altogether."""
    message = messages.bgr_to_compressed(SOUND, messages.make_header(dice.randrange(2**60), "camera"))
    message.format = dice.choice(("jpeg", "png", "bgr8; jpeg compressed bgr8", "16UC1; compressedDepth", "", "\xff"))
    data = bytearray(message.data)
    for _ in range(dice.randrange(3)):
        at = dice.randrange(len(data) + 1)
        how = dice.randrange(4)
        if how == 0:
            del data[at : at + dice.randrange(400)]
        elif how == 1:
            data[at : at + 50] = dice.randbytes(50)
        elif how == 2:
            data[at:at] = bytes(dice.randrange(100))
        else:
            data[:8] = dice.choice((b"\x89PNG\r\n\x1a\n", b"GIF89a", b"", dice.randbytes(8)))
    message.data = array.array("B", bytes(data))
    return message


@pytest.mark.parametrize("make", [some_image, some_compressed])
def test_every_message_becomes_a_frame_or_a_cause(make: object) -> None:
    dice = random.Random(20140618)
    context = rclpy.Context()
    rclpy.init(context=context)
    counts: Counter[str] = Counter()
    try:
        intake = Intake(LifecycleNode("cell", context=context), Config(), Health(), print, print)
        for _ in range(NUMBER // 2):
            message = make(dice)
            message = deserialize_message(serialize_message(message), type(message))
            try:
                frame, _ = intake.frame_of(message)
            except messages.BadFrame as error:
                assert 0 < len(str(error)) < 600
                counts[error.cause] += 1
            else:
                assert isinstance(frame, Frame)
                assert frame.image_bgr.dtype == np.uint8
                assert frame.image_bgr.ndim == 3
                counts["sound"] += 1
    finally:
        rclpy.shutdown(context=context)
    assert counts.total() == NUMBER // 2
    assert set(counts) <= {*CAUSES, "sound"}
    assert len(counts) >= 5, f"the dice reach too little: {counts}"
    assert min(counts["sound"], counts.total() - counts["sound"]) > NUMBER // 20, counts


def test_causes_are_those_that_are_documented() -> None:
    text = Path(messages.__file__).with_name("stamps.py").read_text(encoding="utf-8")
    assert all(f"``{cause}``" in text for cause in CAUSES)

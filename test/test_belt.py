import math

import numpy as np
import pytest

from spp_sorter.config import BeltConfig
from spp_sorter.geometry.belt import BeltMotion, Displacement
from spp_sorter.values import BeltSample, Status

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def at(seconds):
    return T0 + round(seconds * SECOND)


def test_constant_speed_needs_no_reading():
    belt = BeltMotion(BeltConfig(speed=0.4))
    moved = belt.displacement(at(1.0), at(3.5))
    assert moved.metres == pytest.approx(1.0, abs=1e-9)
    assert moved.source == "constant"


def test_encoder_positions_are_interpolated():
    belt = BeltMotion(BeltConfig())
    for i in range(20):
        assert belt.add(BeltSample(at(i * 0.05), position_m=7.0 + i * 0.025)) is None
    moved = belt.displacement(at(0.111), at(0.777))
    assert isinstance(moved, Displacement)
    assert moved.source == "encoder"
    assert moved.metres == pytest.approx(0.5 * 0.666, abs=1e-6)

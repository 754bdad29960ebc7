"""When a node that stood still is taken for one that hears nothing any more."""

from __future__ import annotations

import pytest

from spp_sorter.ros.hearing import LISTEN_S, SETTLE_S, STANDSTILL_S, Hearing


def looks(hearing: Hearing, start_s: float, seconds: float, heard: int, rate: float) -> tuple[list[float], float, int]:
    """Look ten times a second; returns when something was lost, and time and messages at the end."""
    lost, steps = [], round(seconds * 10)
    for step in range(1, steps + 1):
        now_s = start_s + step / 10
        if hearing.is_lost(now_s, heard + int(step * rate / 10)):
            lost.append(now_s)
    return lost, start_s + steps / 10, heard + int(steps * rate / 10)


@pytest.mark.parametrize(("rate", "within_s"), [(30.0, LISTEN_S[0]), (2.0, 1.5)])
def test_silence_from_a_standstill_on_is_loss_once(rate: float, within_s: float) -> None:
    hearing = Hearing()
    lost, now_s, heard = looks(hearing, 100.0, 5.0, 0, rate)
    assert lost == []
    resumed_s = now_s + 2.0
    lost, now_s, heard = looks(hearing, resumed_s, 20.0, heard, 0.0)
    assert len(lost) == 1
    assert lost[0] - resumed_s == pytest.approx(SETTLE_S + within_s, abs=0.25)
    assert looks(hearing, now_s + 2.0, 20.0, heard, 0.0)[0] == []  # nothing was heard before: nothing is missing


def test_one_message_after_the_standstill_is_enough() -> None:
    hearing = Hearing()
    _, now_s, heard = looks(hearing, 0.0, 5.0, 0, 10.0)
    lost, now_s, heard = looks(hearing, now_s + 2.0, 1.0, heard, 10.0)
    assert lost == []
    assert looks(hearing, now_s, 20.0, heard, 0.0)[0] == []


def test_what_waited_during_the_standstill_proves_nothing() -> None:
    hearing = Hearing()
    _, now_s, heard = looks(hearing, 0.0, 5.0, 0, 10.0)
    assert len(looks(hearing, now_s + 2.0, 5.0, heard + 5, 0.0)[0]) == 1


def test_silence_without_a_standstill_is_the_camera_s() -> None:
    hearing = Hearing()
    _, now_s, heard = looks(hearing, 0.0, 5.0, 0, 30.0)
    assert looks(hearing, now_s, 30.0, heard, 0.0)[0] == []
    assert not hearing.is_lost(now_s + 30.0 + STANDSTILL_S - 0.1, heard)


def test_publishers_too_slow_to_tell_are_not_judged() -> None:
    hearing = Hearing()
    _, now_s, heard = looks(hearing, 0.0, 10.0, 0, 0.2)
    assert looks(hearing, now_s + 2.0, 60.0, heard, 0.0)[0] == []

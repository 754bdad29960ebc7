"""Calibration error and temperature, against hand-made and simulated cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spp_sorter.evaluation.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def test_error_of_a_hand_made_case() -> None:
    scores = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, False])
    assert expected_calibration_error(scores, correct, 10) == pytest.approx((4 * 0.2 + 2 * 0.05) / 6)
    assert reliability(scores, correct, 10).counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 4]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 3)), max_size=30))
def test_weights_are_repetitions(rows: list[tuple[float, bool, int]]) -> None:
    scores, correct = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], bool)
    times = np.array([r[2] for r in rows], np.int64)
    weighted = reliability(scores, correct, weights=times.astype(np.float64)).error
    repeated = reliability(np.repeat(scores, times), np.repeat(correct, times)).error
    assert weighted == pytest.approx(repeated, nan_ok=True)


def test_error_is_zero_when_sure_and_right_and_nan_without_detections() -> None:
    assert expected_calibration_error(np.ones(5), np.ones(5, bool)) == 0.0
    assert expected_calibration_error(np.ones(5), np.zeros(5, bool)) == 1.0
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_finds_the_temperature_that_the_logits_were_heated_by(temperature: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20000, 3))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = (rng.random(len(honest))[:, None] > honest.cumsum(1)).sum(1)
    stated = apply_temperature(honest, 1.0 / temperature)
    fitted = fit_temperature(stated, targets)
    assert fitted == pytest.approx(temperature, rel=0.04)
    cooled = apply_temperature(stated, fitted)
    best = cooled.argmax(1)
    error = expected_calibration_error(cooled.max(1), best == targets)
    assert error < 0.015
    if temperature != 1.0:
        assert expected_calibration_error(stated.max(1), stated.argmax(1) == targets) > 2 * error


def test_temperature_keeps_the_order_and_the_sum() -> None:
    probs = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    for temperature in (0.1, 1.0, 10.0):
        changed = apply_temperature(probs, temperature)
        np.testing.assert_allclose(changed.sum(1), 1.0)
        assert (changed.argmax(1) == 0).all()
    np.testing.assert_allclose(apply_temperature(probs, 1.0), probs, atol=1e-9)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="allowed"):
        expected_calibration_error(np.array([1.2]), np.array([True]))
    with pytest.raises(ValueError, match="allowed"):
        apply_temperature(np.ones((1, 1)), 0.0)
    with pytest.raises(ValueError, match="allowed"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, np.int64))

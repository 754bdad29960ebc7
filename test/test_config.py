"""Parameters: types, ranges, what is checked together, and the way there and back through flat names."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spp_sorter.config import Config, ConfigError, Parameter, parameters

PARAMETERS = {parameter.name: parameter for parameter in parameters()}
NUMBERS = [p for p in PARAMETERS.values() if isinstance(p.default, (int, float)) and not isinstance(p.default, bool)]


def with_ids(items: list[Parameter]) -> Any:
    return pytest.mark.parametrize("parameter", items, ids=lambda parameter: parameter.name)


def strategy(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Allowed values of a parameter."""
    default = parameter.default
    if isinstance(default, tuple):
        length = len(default) if parameter.length is None else parameter.length
        return st.tuples(*[scalar_strategy(parameter, default[0])] * length)
    return scalar_strategy(parameter, default)


def scalar_strategy(parameter: Parameter, like: object) -> st.SearchStrategy[Any]:
    if isinstance(like, bool):
        return st.booleans()
    if isinstance(like, str):
        return st.sampled_from(parameter.choices) if parameter.choices else st.text(max_size=8)
    low, high = parameter.minimum, parameter.maximum
    if isinstance(like, int):
        return st.integers(None if low is None else int(low), None if high is None else int(high))
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@with_ids(list(PARAMETERS.values()))
def test_default_is_allowed_and_explained(parameter: Parameter) -> None:
    assert parameter.check(parameter.default) == parameter.default
    assert type(parameter.check(parameter.default)) is type(parameter.default)
    assert parameter.help


def test_defaults_go_together() -> None:
    Config().check_together()


@with_ids(NUMBERS)
def test_numbers_have_both_limits_and_keep_them(parameter: Parameter) -> None:
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    for outside in (parameter.minimum - 1, parameter.maximum + 1, math.nan, math.inf, -math.inf):
        with pytest.raises(ConfigError, match=parameter.name):
            parameter.check(outside)
    kind = type(parameter.default)
    for edge in (parameter.minimum, parameter.maximum):
        assert parameter.check(kind(edge)) == edge


@with_ids(list(PARAMETERS.values()))
@pytest.mark.parametrize("wrong", [None, object(), b"bytes", [[]]])
def test_wrong_type_is_refused(parameter: Parameter, wrong: object) -> None:
    with pytest.raises(ConfigError, match=parameter.name):
        parameter.check(wrong)


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("node.autostart", 1, "true or false"),
        ("node.autostart", "true", "true or false"),
        ("node.image_transport", "zstd", "one of raw, compressed"),
        ("node.image_transport", 3, "a string"),
        ("model.proposals", 2.5, "a whole number"),
        ("model.proposals", True, "a number"),
        ("model.proposals", 0, "1 to 4000"),
        ("belt.speed", "fast", "a number"),
        ("belt.speed", 6.0, "-5 to 5 m/s"),
        ("camera.position", (0.0, 1.0), "3 elements"),
        ("camera.position", (0.0, 1.0, "up"), "a number"),
        ("camera.position", (0.0, 1.0, 101.0), "-100 to 100 m"),
        ("camera.orientation", 1.0, "a list"),
        ("picking.labels", "non_compost", "a list"),
        ("picking.labels", ["non_compost", 2], "a string"),
    ],
)
def test_error_names_parameter_value_and_what_is_allowed(name: str, wrong: object, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_flat({name: wrong})
    text = str(caught.value)
    assert name in text
    assert allowed in text
    culprit = wrong[-1] if isinstance(wrong, (list, tuple)) else wrong
    assert repr(culprit) in text


def test_whole_number_serves_as_a_float() -> None:
    speed = Config.from_flat({"belt.speed": 1}).belt.speed
    assert speed == 1.0
    assert type(speed) is float


def test_lists_become_tuples() -> None:
    config = Config.from_flat({"picking.labels": ["a", "b"], "camera.position": [0, 0, 2]})
    assert config.picking.labels == ("a", "b")
    assert config.camera.position == (0.0, 0.0, 2.0)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_flat({"belt.sped": 1.0, "speed": 2.0, "belt.speed": 99.0, "picking.min_views": "many"})
    for words in (
        "'belt.sped' is unknown",
        "'speed' is unknown",
        "'belt.speed' is 99.0",
        "'picking.min_views' is 'many'",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"picking.reach_min": 0.3}, "picking.reach_min"),
        ({"picking.reach_min": 0.5, "picking.reach_max": 0.4}, "picking.reach_min"),
        ({"picking.label_values": (1.0, 2.0)}, "picking.label_values.*as many numbers as labels"),
        ({"picking.label_probabilities": ()}, "picking.label_probabilities"),
        ({"picking.labels": ("compost", "non_compost"), "picking.label_values": (1.0,) * 3}, "picking.label_values"),
        ({"camera.orientation": (1.0, 1.0, 0.0, 0.0)}, "camera.orientation"),
        ({"camera.orientation": (0.0, 0.0, 0.0, 0.0)}, "camera.orientation"),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_flat(values)


def test_values_that_only_go_together_are_taken_together() -> None:
    config = Config.from_flat({"picking.reach_min": 0.5, "picking.reach_max": 0.9})
    assert (config.picking.reach_min, config.picking.reach_max) == (0.5, 0.9)


def test_numbers_of_labels_stand_in_their_order() -> None:
    names = {"picking.labels": ("battery", "bag"), "picking.min_probability": 0.6}
    numbers = {"picking.label_values": (50.0, 1.0), "picking.label_probabilities": (0.3, 0.9)}
    picking = Config.from_flat({**names, **numbers}).picking
    assert [picking.value(label) for label in picking.labels] == [50.0, 1.0]
    assert [picking.least_probability(label) for label in picking.labels] == [0.6, 0.9]
    assert Config.from_flat({**names, "picking.label_values": (7.0,)}).picking.value("bag") == 7.0


def test_flat_names_are_the_parameters() -> None:
    assert list(Config().flat()) == list(PARAMETERS)
    assert Config.from_flat(Config().flat()) == Config()


def test_config_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().belt.speed = 1.0  # type: ignore[misc]


@given(st.data())
def test_allowed_values_go_there_and_back(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=8))
    values = {name: data.draw(strategy(PARAMETERS[name]), label=name) for name in sorted(names)}
    try:
        config = Config.from_flat(values)
    except ConfigError:
        ranges, numbers = {"reach_min", "reach_max"}, {"labels", "label_values", "label_probabilities"}
        together = {"camera.orientation", *(f"picking.{part}" for part in ranges | numbers)}
        assert together & set(values), "only what is checked together may refuse values that are allowed one by one"
        return
    assert Config.from_flat(config.flat()) == config
    assert config.flat() == {**Config().flat(), **values}
    assert config.replaced(Config().flat()) == Config()


@given(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.floats() | st.text(), min_size=1))
def test_nonsense_never_gets_in(values: dict[str, object]) -> None:
    unknown = [name for name in values if name not in PARAMETERS]
    with pytest.raises(ConfigError) as caught:
        Config.from_flat(values)
    assert all(f"'{name}' is unknown" in str(caught.value) for name in unknown)

"""ROS parameters against config.py, on a real node through the real parameter services' code."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import rclpy
import yaml
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter as RosParameter
from rclpy.parameter import parameter_dict_from_yaml_file

from spp_sorter.config import Config, ConfigError, parameters
from spp_sorter.ros.parameters import START_ONLY, Parameters, descriptor_of, unknown_overrides

ROOT = Path(__file__).resolve().parent.parent
KNOWN = {parameter.name: parameter for parameter in parameters()}


class Cell:
    """A node with parameters, and what became of changes."""

    def __init__(self, context: rclpy.Context, **overrides: object) -> None:
        given = [RosParameter(name.replace("__", "."), value=value) for name, value in overrides.items()]
        self.node = LifecycleNode("cell", context=context, parameter_overrides=given)
        self.changes: list[Config] = []
        self.configured = False
        self.settings = Parameters(self.node, self.changes.append, lambda: self.configured, self.check)

    def check(self, config: Config) -> None:
        if "plastic" in config.picking.labels:
            raise ConfigError("the model has no label 'plastic'")

    def set(self, **values: object) -> tuple[bool, str]:
        changes = [RosParameter(name.replace("__", "."), value=value) for name, value in values.items()]
        result = self.node.set_parameters_atomically(changes)
        return result.successful, result.reason


@pytest.fixture
def context() -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


def test_all_are_declared_with_default_help_and_range(context: rclpy.Context) -> None:
    cell = Cell(context)
    assert cell.settings.config == Config()
    for name, parameter in KNOWN.items():
        descriptor = cell.node.describe_parameter(name)
        assert descriptor.description.startswith(parameter.help)
        assert parameter.unit in descriptor.description
        assert descriptor.read_only == (name in START_ONLY)
        value = cell.node.get_parameter(name).value
        assert (list(value) if isinstance(parameter.default, tuple) else value) == (
            list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        )
        ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
        if isinstance(parameter.default, (int, float)) and parameter.minimum is not None:
            assert [(r.from_value, r.to_value) for r in ranges] == [(parameter.minimum, parameter.maximum)]
        assert all(choice in descriptor.additional_constraints for choice in parameter.choices)


def test_descriptor_says_when_a_parameter_may_change() -> None:
    assert "unconfigured" in descriptor_of(KNOWN["model.device"]).additional_constraints
    assert "unconfigured" not in descriptor_of(KNOWN["belt.speed"]).additional_constraints


def test_start_values_from_overrides(context: rclpy.Context) -> None:
    cell = Cell(context, belt__speed=1, camera__position=[0, 1, 2], picking__labels=["a", "b"])
    assert cell.settings.config.belt.speed == 1.0
    assert cell.settings.config.camera.position == (0.0, 1.0, 2.0)
    assert cell.settings.config.picking.labels == ("a", "b")
    assert cell.node.get_parameter("belt.speed").type_ == RosParameter.Type.DOUBLE


def test_wrong_start_values_are_named_all_at_once(context: rclpy.Context) -> None:
    with pytest.raises(ConfigError) as raised:
        Cell(context, belt__speed=99.0, model__precision="fp8", picking__min_views="three")
    for piece in ("belt.speed", "99", "-5 to 5 m/s", "model.precision", "fp8", "picking.min_views", "three"):
        assert piece in str(raised.value)


def test_unknown_names_are_pointed_out(context: rclpy.Context) -> None:
    cell = Cell(context, belt__sped=1.0, qos_overrides__x=1)
    (line,) = unknown_overrides(cell.node)
    assert "belt.sped" in line
    assert "belt.speed" in line


def test_live_change(context: rclpy.Context) -> None:
    cell = Cell(context)
    cell.configured = True
    assert cell.set(belt__speed=2) == (True, "")
    assert cell.settings.config.belt.speed == 2.0
    assert [config.belt.speed for config in cell.changes] == [2.0]
    assert cell.set(belt__speed=2.0)[0]
    assert len(cell.changes) == 1


def test_empty_list_of_any_type(context: rclpy.Context) -> None:
    cell = Cell(context)
    for kind in (RosParameter.Type.STRING_ARRAY, RosParameter.Type.BOOL_ARRAY, RosParameter.Type.BYTE_ARRAY):
        cell.set(picking__labels=["compost"])
        (result,) = cell.node.set_parameters([RosParameter("picking.labels", kind, [])])
        assert result.successful, result.reason
        assert cell.settings.config.picking.labels == ()


@pytest.mark.parametrize(
    ("values", "piece"),
    [
        ({"belt__speed": 7.0}, "5.0"),
        ({"belt__speed": math.nan}, "range"),
        ({"belt__speed": "fast"}, "type"),
        ({"belt__motion": "guess"}, "encoder"),
        ({"picking__reach_min": 0.4}, "picking.reach_max"),
        ({"picking__min_views": 0}, "1"),
        ({"picking__labels": ["plastic"]}, "the model has no label"),
        ({"node__autostart": False}, "read-only"),
    ],
)
def test_refused_with_the_reason(context: rclpy.Context, values: dict[str, object], piece: str) -> None:
    cell = Cell(context)
    done, reason = cell.set(**values)
    assert not done
    assert piece in reason
    assert cell.settings.config == Config()
    assert cell.changes == []


def test_changes_are_taken_together_or_not_at_all(context: rclpy.Context) -> None:
    cell = Cell(context)
    assert cell.set(picking__reach_min=0.4, picking__reach_max=0.5) == (True, "")
    done, _ = cell.set(belt__speed=1.0, detector__score_thresh=2.0)
    assert not done
    assert cell.settings.config.belt.speed == Config().belt.speed
    assert cell.node.get_parameter("belt.speed").value == Config().belt.speed
    assert len(cell.changes) == 1


def test_others_change_while_unconfigured_only(context: rclpy.Context) -> None:
    cell = Cell(context)
    assert cell.set(model__device="cpu")[0]
    cell.configured = True
    done, reason = cell.set(model__device="cuda")
    assert not done
    assert "not live" in reason
    assert "cleanup" in reason
    assert cell.set(model__device="cpu", belt__speed=1.0)[0], "the value that it has is no change"


def test_a_parameter_cannot_be_deleted(context: rclpy.Context) -> None:
    cell = Cell(context)
    (result,) = cell.node.set_parameters([RosParameter("belt.speed")])
    assert not result.successful
    assert cell.settings.config == Config()


def test_use_sim_time_is_left_alone(context: rclpy.Context) -> None:
    cell = Cell(context)
    assert cell.set(use_sim_time=True)[0]
    assert cell.changes == []


def written() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_config", ROOT / "tools" / "write_config.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_yaml_is_what_config_says() -> None:
    shipped = (ROOT / "config" / "sorter.yaml").read_text(encoding="utf-8")
    assert shipped == written().sorter_yaml(), "run tools/write_config.py"
    values = yaml.safe_load(shipped)["/**"]["ros__parameters"]
    flat = {f"{group}.{name}": value for group, members in values.items() for name, value in members.items()}
    assert Config.from_flat(flat) == Config()
    assert set(flat) == set(KNOWN)


def test_yaml_sets_a_node(context: rclpy.Context) -> None:
    read = parameter_dict_from_yaml_file(str(ROOT / "config" / "sorter.yaml"), use_wildcard=True)
    overrides = [RosParameter.from_parameter_msg(message) for message in read.values()]
    node = LifecycleNode("cell", context=context, parameter_overrides=overrides)
    assert Parameters(node, print, lambda: False, Config.check_together).config == Config()
    assert unknown_overrides(node) == []

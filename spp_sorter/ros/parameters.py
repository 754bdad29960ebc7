"""ROS parameters, declared from ``config.py`` and kept equal to one ``Config``.

A change is checked together with everything else and taken as a whole or refused with the reason. Parameters that
are not live may change while the node is unconfigured: a new model loads by cleanup, set, configure.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from spp_sorter.config import Config, ConfigError, Parameter, parameters

START_ONLY = ("node.autostart", "node.executor")
"""Read once at start, so read-only from then on."""

Values = dict[str, object]


class Parameters:
    """The node's parameters as one ``Config``.

    Args:
        node: where they are declared; overrides from the command line and YAML are taken.
        on_change: called with the new settings after a change was taken.
        is_configured: whether only live parameters may change now.
        check: raises ConfigError when new settings do not suit what is loaded.

    Raises:
        ConfigError: start values that are wrong, all of them in one text.
    """

    def __init__(
        self,
        node: Node,
        on_change: Callable[[Config], None],
        is_configured: Callable[[], bool],
        check: Callable[[Config], None],
    ) -> None:
        self._on_change = on_change
        self._is_configured = is_configured
        self._check = check
        self._known = {parameter.name: parameter for parameter in parameters()}
        self.config = self._declare(node)
        node.add_pre_set_parameters_callback(self._coerced)
        node.add_on_set_parameters_callback(self._checked)
        node.add_post_set_parameters_callback(self._taken)

    def _declare(self, node: Node) -> Config:
        # Dynamic at first: `speed: 1` in YAML is an integer, and rclpy would refuse it before anybody could help.
        given: Values = {}
        for parameter in self._known.values():
            loose = ParameterDescriptor(dynamic_typing=True)
            given[parameter.name] = _plain(
                parameter, node.declare_parameter(parameter.name, _ros_value(parameter.default), loose).value
            )
        config = Config.from_flat(given)
        typed = config.flat()
        node.set_parameters_atomically([_ros_parameter(self._known[name], value) for name, value in typed.items()])
        for parameter in self._known.values():
            node.set_descriptor(parameter.name, descriptor_of(parameter))
        return config

    def _coerced(self, changes: list[RosParameter[Any]]) -> list[RosParameter[Any]]:
        """Whole numbers for floats, and empty lists, which carry no type, in the declared type."""
        return [self._coerce(change) for change in changes]

    def _coerce(self, change: RosParameter[Any]) -> RosParameter[Any]:
        parameter = self._known.get(change.name)
        if parameter is None or change.type_ == RosParameter.Type.NOT_SET:
            return change
        value = _plain(parameter, change.value)
        return change if value is change.value else _ros_parameter(parameter, value)

    def _checked(self, changes: list[RosParameter[Any]]) -> SetParametersResult:
        try:
            self._changed(changes)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _taken(self, changes: list[RosParameter[Any]]) -> None:
        config = self._changed(changes)
        if config != self.config:
            self.config = config
            self._on_change(config)

    def _changed(self, changes: Iterable[RosParameter[Any]]) -> Config:
        """The settings after ``changes``; names of others (``use_sim_time``) pass by."""
        ours = {change.name: change.value for change in changes if change.name in self._known}
        config = self.config.replaced(ours)
        before, after = self.config.flat(), config.flat()
        fixed = [name for name in ours if not self._known[name].live and before[name] != after[name]]
        if fixed and self._is_configured():
            raise ConfigError(
                f"parameter '{fixed[0]}' is not live: it changes only while the node is unconfigured. "
                "Deactivate and clean up the node (ros2 lifecycle set NODE deactivate, then cleanup), set it, configure"
            )
        self._check(config)
        return config


def descriptor_of(parameter: Parameter) -> ParameterDescriptor:
    """rcl_interfaces/ParameterDescriptor with help, unit, range, choices, and when the parameter may change."""
    descriptor = ParameterDescriptor(
        type=RosParameter.Type.from_parameter_value(_ros_value(parameter.default)).value,
        description=parameter.help + (f" [{parameter.unit}]" if parameter.unit else ""),
        read_only=parameter.name in START_ONLY,
        additional_constraints="; ".join(_constraints(parameter)),
    )
    if isinstance(parameter.default, bool) or (parameter.minimum is None and parameter.maximum is None):
        return descriptor
    if isinstance(parameter.default, int):
        low = parameter.minimum if parameter.minimum is not None else -sys.maxsize
        high = parameter.maximum if parameter.maximum is not None else sys.maxsize
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    elif isinstance(parameter.default, float):
        low = parameter.minimum if parameter.minimum is not None else -sys.float_info.max
        high = parameter.maximum if parameter.maximum is not None else sys.float_info.max
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor


def unknown_overrides(node: Node) -> list[str]:
    """One line for each parameter that was given at start and that nobody declared, most often a slip of the pen."""
    overrides: Iterable[str] = getattr(node, "_parameter_overrides", {})
    known = [parameter.name for parameter in parameters()]
    lines = []
    for name in overrides:
        if not node.has_parameter(name) and not name.startswith("qos_overrides."):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else "see config/sorter.yaml for all names"
            lines.append(f"parameter '{name}' is unknown and has no effect; {hint}")
    return lines


def _constraints(parameter: Parameter) -> list[str]:
    lines = []
    if parameter.choices:
        lines.append("one of " + ", ".join(parameter.choices))
    if parameter.length is not None:
        lines.append(f"{parameter.length} elements")
    if isinstance(parameter.default, tuple) and parameter.minimum is not None and parameter.maximum is not None:
        lines.append(f"each {parameter.minimum:g} to {parameter.maximum:g}")
    if parameter.name in START_ONLY:
        lines.append("read at start only")
    elif not parameter.live:
        lines.append("changes only while the node is unconfigured")
    return lines


def _plain(parameter: Parameter, value: object) -> object:
    """``value`` with whole numbers as floats where a float is declared; what does not fit is left for the check."""
    if isinstance(parameter.default, float) and type(value) is int:
        return float(value)
    if not isinstance(parameter.default, tuple) or isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        return value
    items = list(value)
    if parameter.default and isinstance(parameter.default[0], float):
        return [float(item) if type(item) is int else item for item in items]
    return items


def _ros_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _ros_parameter(parameter: Parameter, value: Any) -> RosParameter[Any]:
    """A ROS parameter; lists get the declared type, which an empty one does not carry."""
    if isinstance(parameter.default, tuple) and not len(value):
        text = isinstance(parameter.default[0], str)
        kind = RosParameter.Type.STRING_ARRAY if text else RosParameter.Type.DOUBLE_ARRAY
        return RosParameter(parameter.name, kind, [])
    return RosParameter(parameter.name, value=_ros_value(value))

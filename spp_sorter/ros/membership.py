"""A node's place in the graph, which it can leave and join anew without forgetting anything but its tracks."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions, uninstall_signal_handlers

from spp_sorter.ros.health import Health
from spp_sorter.ros.last_resort import must_end_within
from spp_sorter.ros.shared_memory import leave_graph
from spp_sorter.ros.steady import SteadyDetector

REJOIN_WITHIN_S = 30.0
"""Leaving the graph and joining it anew may take this long: the model may have to be loaded again."""

EXIT_CODE = 1
"""Of a process that could not rejoin in time."""


@dataclass(frozen=True)
class Legacy:
    """What one node leaves to the next.

    Attributes:
        values: all its parameters.
        health: its counts.
        detector: the loaded model, which takes longest to make anew; None where there is none that is free.
    """

    values: list[Parameter[Any]]
    health: Health
    detector: SteadyDetector | None


class Successor(Protocol):
    """A node that another one of its kind can follow."""

    def legacy(self) -> Legacy:
        """What the next node is to have."""

    def inherit(self, legacy: Legacy) -> None:
        """Go on where an active node was."""

    def end(self) -> bool:
        """Stop, and destroy the node; returns whether nothing of it runs any more."""


Kind = TypeVar("Kind", bound=Successor)


class Membership(Generic[Kind]):
    """One node in a context, and so in a participant, of its own. Nobody else may keep the node while it rejoins.

    Args:
        kind: makes the node; takes ``context`` and ``parameter_overrides``.
        args: ROS arguments, None for the process's own.
        signals: rclpy's handlers.
    """

    def __init__(self, kind: Callable[..., Kind], args: list[str] | None, signals: SignalHandlerOptions) -> None:
        self._kind, self._args, self._signals = kind, args, signals
        self._context: Context | None = None
        self._node: Kind | None = None

    @property
    def node(self) -> Kind:
        """The node; only between ``join`` and ``leave``."""
        assert self._node is not None
        return self._node

    def join(self, **kwargs: object) -> None:
        """Make the node, with ``kwargs`` for it; raises what it raises."""
        self._context = rclpy.Context()
        rclpy.init(args=self._args, context=self._context, signal_handler_options=self._signals)
        self._node = self._kind(context=self._context, **kwargs)

    def rejoin(self) -> None:
        """Put another node in the place of this one, which is cut off, with its parameters, counts and model.

        A process in which that hangs ends instead: whoever started it can start it again.
        """
        with must_end_within(REJOIN_WITHIN_S, EXIT_CODE):
            self._rejoin()

    def _rejoin(self) -> None:
        left, legacy = self._context, self.node.legacy()
        # A participant ends with its last node, and its port would go to the new one; but others have lost that port.
        alone: dict[str, Any] = {
            "use_global_arguments": False,
            "enable_rosout": False,
            "start_parameter_services": False,
        }
        keeper = Node("leaving", context=left, **alone)
        if not self._end_node():
            legacy = replace(legacy, detector=None)
        gc.unfreeze()
        gc.collect()  # the old node's publisher of logs would be in the way of the new one's
        self.join(parameter_overrides=legacy.values)
        self.node.inherit(legacy)
        keeper.destroy_node()
        del keeper
        leave_graph(left)

    def leave(self) -> None:
        """End the node and its participant, and give the signals back."""
        self._end_node()
        leave_graph(self._context)
        if self._signals != SignalHandlerOptions.NO:
            uninstall_signal_handlers()

    def _end_node(self) -> bool:
        node, self._node = self._node, None
        return node is None or node.end()

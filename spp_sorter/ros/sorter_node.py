"""The node ``spp_sorter``: camera frames in, detections and pick targets out.

A managed node: configure loads and warms up the model, activate subscribes. Callbacks only receive; converting, sorting
and publishing happen on the worker thread of ``pipeline``, so that intake is never delayed.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from spp_sorter.config import Config, ConfigError
from spp_sorter.network.allocator import give_back_freed_memory
from spp_sorter.ros.diagnostics import NodeState, diagnostic_array
from spp_sorter.ros.executors import TIMEOUT_S, make_executor
from spp_sorter.ros.health import Health
from spp_sorter.ros.membership import Legacy, Membership
from spp_sorter.ros.parameters import Parameters, unknown_overrides
from spp_sorter.ros.pipeline import Pipeline
from spp_sorter.ros.signals import end_on_signals
from spp_sorter.ros.steady import LoadedDetector, SteadyDetector

WATCH_PERIOD_S = 0.1
MEMORY_PERIOD_S = 60.0
"""Freed memory that lies between what is in use is given back this often; the frame after it takes some ms longer."""

SWITCH_INTERVAL_S = 0.0005
"""How long the worker waits for the interpreter while a callback runs; Python's own 5 ms are a sixth of a frame."""

Transition = Callable[["SorterNode", LifecycleState], None]


def _is_foreseen(error: Exception) -> bool:
    """Whether a wrong setting, file or installation raised it: the node then waits for a better one."""
    # rclpy has no class of its own for a QoS policy that does not exist.
    return isinstance(error, (ValueError, OSError, ImportError)) or "QoS override" in str(error)


def _transition(to: str, foreseen: TransitionCallbackReturn) -> Callable[[Transition], Any]:
    """A lifecycle callback that logs its exceptions, which rclpy would swallow.

    A foreseen one is answered with ``foreseen``, any other with ERROR: the node goes through ErrorProcessing.
    """

    def decorate(method: Transition) -> Any:
        @functools.wraps(method)
        def run(self: SorterNode, state: LifecycleState) -> TransitionCallbackReturn:
            try:
                method(self, state)
            except Exception as error:
                self.report_error(method.__name__, error)
                return foreseen if _is_foreseen(error) else TransitionCallbackReturn.ERROR
            self.lifecycle = to
            return TransitionCallbackReturn.SUCCESS

        return run

    return decorate


class SorterNode(LifecycleNode):
    """The managed node; see the module.

    Args:
        kwargs: passed to the node: ``namespace``, ``parameter_overrides``, ``context`` and so on.

    Attributes:
        lifecycle: ``unconfigured``, ``inactive``, ``active`` or ``finalized``.
        health: counters of every frame.
        is_cut_off: the active node hears nothing any more, and only a new participant helps.

    Raises:
        ConfigError: start values of parameters that are wrong.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("spp_sorter", **kwargs)
        self.lifecycle = "unconfigured"
        self.health = Health()
        self.health.stop()
        self.is_cut_off = False
        self._pipeline: Pipeline | None = None
        self._left: SteadyDetector | None = None  # by the node whose place this one takes
        self._settings = Parameters(self, self._changed, lambda: self._pipeline is not None, self._check)
        for line in unknown_overrides(self):
            self.get_logger().warning(line)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 5)
        # The node's own clock stands still under use_sim_time without /clock, and that has to be reported too.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        self.create_timer(1.0, self._diagnose, clock=steady)
        self.create_timer(MEMORY_PERIOD_S, give_back_freed_memory, clock=steady)

    @property
    def config(self) -> Config:
        """The settings now."""
        return self._settings.config

    def start(self) -> None:
        """Configure and activate, as ``node.autostart`` asks for; a failure is logged and leaves the node waiting."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    @_transition("inactive", TransitionCallbackReturn.FAILURE)
    def on_configure(self, state: LifecycleState) -> None:
        """Load the model and warm it up, unless another node has left one, and create the publishers."""
        left, self._left = self._left, None
        if left is not None:
            left.serve(self.load_detector, self._report_device)
        detector = left or SteadyDetector(self.load_detector, self.config, self._report_device)
        self._pipeline = Pipeline(self, detector, self.config, self.health)
        self.health.error("")
        super().on_configure(state)
        # What torch and the model made stays; looking through it all again would stop a frame for a tenth of a second.
        gc.unfreeze()  # what an earlier configuration left behind must be found
        gc.collect()
        gc.freeze()
        self.get_logger().info(f"configured: {detector.description}")

    @_transition("active", TransitionCallbackReturn.FAILURE)
    def on_activate(self, state: LifecycleState) -> None:
        """Enable the publishers, subscribe, and start the worker."""
        super().on_activate(state)
        assert self._pipeline is not None
        try:
            self._pipeline.start()
        except Exception:
            self._pipeline.stop()
            super().on_deactivate(state)
            raise

    @_transition("inactive", TransitionCallbackReturn.ERROR)
    def on_deactivate(self, state: LifecycleState) -> None:
        """Unsubscribe, stop the worker, take the picks back."""
        self._stop()
        super().on_deactivate(state)

    @_transition("unconfigured", TransitionCallbackReturn.ERROR)
    def on_cleanup(self, state: LifecycleState) -> None:
        """Let go of the model and the publishers."""
        super().on_cleanup(state)
        self._release()

    @_transition("finalized", TransitionCallbackReturn.ERROR)
    def on_shutdown(self, state: LifecycleState) -> None:
        """Stop and let go of everything."""
        self._stop()
        super().on_shutdown(state)
        self._release()

    @_transition("unconfigured", TransitionCallbackReturn.FAILURE)
    def on_error(self, state: LifecycleState) -> None:
        """After a transition that failed: let go of everything and wait to be configured again."""
        super().on_error(state)
        self.get_logger().warning(f"after an error the node is unconfigured again: {self.health.snapshot().last_error}")
        if self._pipeline is not None:
            self._pipeline.stop()
        self._release()

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> TransitionCallbackReturn:
        """Answer a transition that does not exist from here, of which rclpy of Jazzy raises: its caller would wait on.

        rclpy calls its own method of this name; later releases do the same there.
        """
        try:
            result: TransitionCallbackReturn = super()._LifecycleNodeMixin__change_state(  # type: ignore[misc]
                transition_id
            )
        except RuntimeError as error:
            self.get_logger().error(f"transition {transition_id} is not possible in state {self.lifecycle}: {error}")
            return TransitionCallbackReturn.ERROR
        return result

    def _stop(self) -> None:
        if self._pipeline is not None and not self._pipeline.stop():
            raise RuntimeError("the frame in work did not end in time; the detector hangs")

    def _release(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()
            gc.unfreeze()

    def _changed(self, config: Config) -> None:
        if self._pipeline is not None:
            self._pipeline.configure(config)

    def _check(self, config: Config) -> None:
        if self._pipeline is not None:
            self._pipeline.check(config)

    def _watch(self) -> None:
        if self._pipeline is not None:
            self._pipeline.watch()
            self.is_cut_off = self.is_cut_off or self._pipeline.is_cut_off()

    def _diagnose(self) -> None:
        pipeline = self._pipeline
        sim_time = bool(self.get_parameter("use_sim_time").value)
        name = self.get_fully_qualified_name().lstrip("/")
        state = NodeState(name, self.lifecycle, "" if pipeline is None else pipeline.description, sim_time)
        reports = [] if pipeline is None else pipeline.reports()
        now = self.get_clock().now().to_msg()
        snapshot = self.health.snapshot(take_statuses=True)
        self._diagnostics.publish(diagnostic_array(now, state, snapshot, reports, self.config.node))

    def report_error(self, where: str, error: Exception) -> None:
        """Log what went wrong and show it in the diagnostics; a wrong setting needs no traceback."""
        self.health.error(f"{where}: {error}")
        text = str(error) if isinstance(error, (ConfigError, OSError)) else traceback.format_exc().strip()
        self.get_logger().error(f"{where}: {text}")

    def load_detector(self, config: Config) -> LoadedDetector:
        """The detector that a configuration asks for; raises what it raises."""
        # torch takes seconds to import, and only from here on is it needed.
        from spp_sorter.detector import Detector

        detector = Detector.from_config(config)
        if isinstance(detector, Detector):
            self.get_logger().info(f"checkpoint: sha256 {detector.checkpoint.sha256}")
        return detector

    def _report_device(self, text: str) -> None:
        """What was done about a device that failed."""
        self.health.error(text)
        self.get_logger().error(text)

    def legacy(self) -> Legacy:
        """Parameters as they are now, counts and model, for the node that takes this one's place.

        Nothing of it refers to this node, which must be gone before the next one is made.
        """
        detector = None if self._pipeline is None else self._pipeline.detector
        if detector is not None:
            detector.leave()
        names = self.list_parameters([], 0).names
        values = [value for value in self.get_parameters(names) if value.type_ != Parameter.Type.NOT_SET]
        return Legacy(values, self.health, detector)

    def inherit(self, legacy: Legacy) -> None:
        """Go on where an active node was that had to leave the graph: its counts and model, configured and active."""
        legacy.health.go_on()
        self.health, self._left = legacy.health, legacy.detector
        self.start()
        self.get_logger().warning(
            "the process stood still and was cut off: it has left the graph and joined it anew; see /diagnostics"
        )

    def end(self) -> bool:
        """Stop and leave the graph; returns whether nothing of the node runs any more."""
        ended = self._pipeline is None or self._pipeline.stop()
        self._release()
        self.destroy_node()
        return ended


def spin(node: SorterNode, ending: threading.Event | None = None) -> bool:
    """Run the node's callbacks; one that raises is logged, no more.

    Returns:
        Whether the node must join the graph anew; False when the context has ended or ``ending`` is set.
    """
    if not node.context.ok():
        return False
    kind = node.config.node.executor
    executor = make_executor(kind, node.context)
    executor.add_node(node)

    def goes_on() -> bool:
        return node.context.ok() and not (ending and ending.is_set())

    while goes_on() and not node.is_cut_off and _spin_once(executor, node, TIMEOUT_S[kind]):
        pass
    executor.remove_node(node)
    return goes_on() and node.is_cut_off


def _spin_once(executor: Executor, node: SorterNode, timeout_s: float | None) -> bool:
    """Run what is ready, or wait for the node's next timer; returns whether to go on."""
    try:
        executor.spin_once(timeout_sec=timeout_s)
    except (KeyboardInterrupt, ExternalShutdownException):
        return False
    except Exception as error:
        if not node.context.ok():
            return False
        node.report_error("callback", error)
    return True


def run(args: list[str] | None, ending: threading.Event | None = None, kind: type[SorterNode] = SorterNode) -> int:
    """Run the node until it is told to end.

    Args:
        args: ROS arguments, None for the process's own.
        ending: tells it to end; without it, rclpy's signal handlers do.
        kind: the node's class.

    Returns:
        The exit code: 0, or 1 for parameters that are wrong.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signals = SignalHandlerOptions.ALL if ending is None else SignalHandlerOptions.NO
    membership = Membership(kind, args, signals)
    try:
        membership.join()
        if membership.node.config.node.autostart:
            membership.node.start()
        while spin(membership.node, ending):
            membership.rejoin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except ConfigError as error:
        print(f"spp_sorter: {error}", file=sys.stderr)
        return 1
    finally:
        membership.leave()
    return 0


def main(args: list[str] | None = None) -> int:
    """The program ``sorter_node``; ends within 2 s of SIGINT or SIGTERM with code 0.

    Args:
        args: ROS arguments for a call from Python, which returns; None for the process's own.

    Returns:
        The exit code.
    """
    if args is not None:
        return run(args)
    code = run(None, end_on_signals())
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed; the interpreter would spend seconds on taking torch apart.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

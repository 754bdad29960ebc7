"""What a configured node runs: frames from the intake through the sorter to the publishers, on one worker thread."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from rclpy.lifecycle import LifecycleNode

from spp_sorter.config import Config, ConfigError
from spp_sorter.ros import messages
from spp_sorter.ros.examples import ExampleKeeper
from spp_sorter.ros.health import Health
from spp_sorter.ros.hearing import Hearing
from spp_sorter.ros.intake import Arrival, Intake
from spp_sorter.ros.mailbox import Worker
from spp_sorter.ros.messages import BadFrame
from spp_sorter.ros.publishers import Publishers
from spp_sorter.ros.transport import TopicReport
from spp_sorter.sorting import Sorter
from spp_sorter.values import Frame, Level, SortResult, Status

if TYPE_CHECKING:
    from spp_sorter.ros.steady import SteadyDetector

STOP_WITHIN_S = 1.0
"""How long the frame in work may take to end when the pipeline stops, seconds."""


class Pipeline:
    """Model, sorter and publishers; while running, subscriptions and the worker too.

    Args:
        node: subscribes and publishes.
        detector: loaded and warm.
        config: settings at configuration.
        health: counts every frame.

    Attributes:
        detector: the one given.

    Raises:
        ConfigError: labels to pick that the model does not know.
    """

    def __init__(self, node: LifecycleNode, detector: SteadyDetector, config: Config, health: Health) -> None:
        self._node, self.detector, self._health = node, detector, health
        self._config = self._applied = config
        self.check(config)
        self._sorter = Sorter(detector, config, self._take_queued)
        self._examples = ExampleKeeper(config.examples) if config.examples.folder else None
        self._publishers = Publishers(node, config.node.executor)
        self._intake: Intake | None = None
        self._worker: Worker[Arrival] | None = None
        self._last_stamp_ns = 0
        self._withdrawn = False
        self._hearing = Hearing()

    @property
    def description(self) -> str:
        """Device, precision and checkpoint."""
        return self.detector.description

    def check(self, config: Config) -> None:
        """Raise ConfigError when ``config`` does not suit the model."""
        unknown = [label for label in config.picking.labels if label not in self.detector.label_names]
        if unknown:
            raise ConfigError(
                f"parameter 'picking.labels' has {unknown}; allowed: labels of the model, "
                f"{', '.join(self.detector.label_names)}"
            )

    def configure(self, config: Config) -> None:
        """Take live changes; they hold from the next frame on."""
        self._config = config
        if self._intake is not None:
            self._publishers.publish_labels(self.detector.label_names, config)

    def start(self) -> None:
        """Publish the label map, start the worker and subscribe."""
        self._health.start()
        self._last_stamp_ns, self._withdrawn = 0, False
        self._hearing = Hearing()
        self._publishers.publish_labels(self.detector.label_names, self._config)
        self._worker = Worker(self._process, self._failed)
        self._intake = Intake(self._node, self._config, self._health, self._arrived, self._sorter.add_belt_sample)

    def stop(self) -> bool:
        """Unsubscribe, let the frame in work end, take the picks back, forget the tracks.

        Returns:
            Whether the worker has ended; when not, the detector hangs.
        """
        intake, worker, self._intake, self._worker = self._intake, self._worker, None, None
        if intake is not None:
            intake.close()
        if worker is None:
            return True
        untaken, ended = worker.stop(STOP_WITHIN_S)
        if untaken is not None:
            self._health.dropped("deactivated")
        self._health.stop()
        if self._node.context.ok():
            self._withdraw()
        if ended:
            self._sorter.reset()
        return ended

    def close(self) -> None:
        """Take the publishers off the graph, and finish writing."""
        self._publishers.destroy()
        if self._examples is not None:
            self._examples.close()

    def watch(self) -> None:
        """Take what is queued, and withdraw the picks once when no frame was answered for ``node.stale_after`` seconds.

        Call it ten times a second.
        """
        self._take_queued()
        if self._intake is None or self._withdrawn or self._health.unanswered_s() < self._config.node.stale_after:
            return
        self._withdraw()
        self._node.get_logger().warning(
            f"no frame was answered for {self._config.node.stale_after:g} s: picks are withdrawn; see /diagnostics"
        )

    def is_cut_off(self) -> bool:
        """Whether nothing is heard any more since the process stood still; call it after ``watch``."""
        if self._intake is None:
            return False
        lost = self._hearing.is_lost(time.monotonic(), self._intake.messages)
        return lost and self._intake.has_publishers()

    def _take_queued(self) -> None:
        intake = self._intake
        if intake is not None:
            intake.take_queued()

    def reports(self) -> list[TopicReport]:
        """What each input has received."""
        return [] if self._intake is None else self._intake.reports()

    def _withdraw(self) -> None:
        self._withdrawn = True
        self._publishers.withdraw_picks(self._last_stamp_ns, self._config.node.target_frame)

    def _arrived(self, arrival: Arrival) -> None:
        worker = self._worker
        if worker is None or worker.mailbox.put(arrival):
            self._health.dropped("replaced")

    def _newest(self, intake: Intake, arrival: Arrival) -> Arrival:
        """The newest of what the worker holds, what waits in the middleware, and what the executor just handed over."""
        arrival, worker = intake.newest(arrival), self._worker
        later = None if worker is None else worker.mailbox.take(0.0)
        if later is None:
            return arrival
        self._health.dropped("replaced")
        return later if later.received_ns >= arrival.received_ns else arrival

    def _process(self, arrival: Arrival) -> None:
        """One frame, on the worker: convert, sort, publish, time."""
        intake, config = self._intake, self._config
        started_ns = time.time_ns()
        if intake is not None:
            arrival = self._newest(intake, arrival)
        message = arrival.message
        stamp_ns = messages.stamp_to_ns(message.header.stamp)
        if intake is None or self._is_stale(stamp_ns, config):
            self._health.dropped("deactivated" if intake is None else "stale")
            return
        started = time.perf_counter()
        frame, statuses = intake.frame_of(message)
        converted = time.perf_counter()
        result = self._sorted(frame, config)
        processed = time.perf_counter()
        self._publishers.publish(frame, result, config, lambda: self._is_stale(stamp_ns, config))
        self._last_stamp_ns = stamp_ns
        published = time.perf_counter()
        process_ms = (published - started) * 1e3
        stages_ms = {
            "convert": (converted - started) * 1e3,
            **result.stages_ms,
            "publish": (published - processed) * 1e3,
            "process": process_ms,
            "overhead": process_ms - result.stages_ms.get("detect", 0.0),
            "capture_to_publish": self._age_s(stamp_ns) * 1e3,
        }
        conditions = (*statuses, *result.statuses, *self.detector.statuses, *self._keep(frame, result))
        self._health.processed(stages_ms, conditions, arrival.received_ns, started_ns)
        # Only now: the watch must not take the silence before this frame for one after it.
        self._withdrawn = False

    def _keep(self, frame: Frame, result: SortResult) -> tuple[Status, ...]:
        """Keep the frame for labelling where that is asked for; returns what is wrong with keeping."""
        if self._examples is None or not result.looked:
            return ()
        self._examples.consider(frame, result)
        return self._examples.statuses

    def _sorted(self, frame: Frame, config: Config) -> SortResult:
        if config is not self._applied:
            self.detector.configure(config.detector)
            self._sorter.configure(config)
            self._applied = config
        result = self._sorter.process(frame)
        if not self._is_stale(frame.stamp_ns, config):
            return self._ahead(result, config)
        # It became stale in work: an arm must not be sent to where the item was.
        late = Status(
            "result_late",
            Level.WARN,
            f"a frame was older than node.max_age ({config.node.max_age:g} s) when it was done; its picks were "
            "withdrawn. Use a faster device or fewer model.proposals",
        )
        return replace(result, picks=(), statuses=(*result.statuses, late))

    def _ahead(self, result: SortResult, config: Config) -> SortResult:
        """The result without picks that crossed while the frame was in work: the plan knows the image's time only."""
        now_ns = self._node.get_clock().now().nanoseconds
        ahead = tuple(pick for pick in result.picks if pick.stamp_ns > now_ns)
        if not config.node.max_age or len(ahead) == len(result.picks):
            return result
        crossed = Status(
            "picks_crossed",
            Level.WARN,
            "items crossed the pick line while their frame was in work and are withdrawn; use a faster device, or set "
            "picking.lead_time above capture_to_publish of the part `latency`",
        )
        return replace(result, picks=ahead, statuses=(*result.statuses, crossed))

    def _age_s(self, stamp_ns: int) -> float:
        return (self._node.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _is_stale(self, stamp_ns: int, config: Config) -> bool:
        return 0.0 < config.node.max_age < abs(self._age_s(stamp_ns))

    def _failed(self, error: Exception) -> None:
        """Count and log a frame that cannot be answered, on the worker; the next one gets its chance."""
        if not self._node.context.ok():
            return
        if isinstance(error, BadFrame):
            self._health.dropped(f"bad.{error.cause}")
            text = f"bad frame ({error.cause}): {error}"
        else:
            self._health.dropped(f"failed.{type(error).__name__}")
            text = f"frame failed: {''.join(traceback.format_exception(error)).strip()}"
        self._health.error(f"{type(error).__name__}: {error}")
        self._node.get_logger().error(text, throttle_duration_sec=5.0)

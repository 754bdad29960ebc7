"""The sorter of a soak run: the real node, whose detector fails on command."""

from __future__ import annotations

import os
import sys
import threading
import time

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from spp_sorter.config import Config, DetectorConfig
from spp_sorter.ros.signals import end_on_signals
from spp_sorter.ros.soak_faults import FAULT_TOPIC
from spp_sorter.ros.sorter_node import SorterNode, run
from spp_sorter.ros.steady import LoadedDetector
from spp_sorter.values import Detections, ImageArray

SLOW_S = 1.2


class FaultTap:
    """Knows the fault in force; listens in a context of its own, beside the node and unknown to it."""

    def __init__(self) -> None:
        self.fault = ""
        context = rclpy.Context()
        rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("soak_tap", context=context)
        self._node.create_subscription(String, FAULT_TOPIC, self._take, 10)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        threading.Thread(target=self._spin, name="fault tap", daemon=True).start()

    def _take(self, message: String) -> None:
        self.fault = message.data

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


class FailingDetector:
    """A detector under the fault in force.

    Args:
        detector: does the work.
        tap: knows the fault.
        on_gpu: whether it stands for one on a GPU, whose memory can be full.
    """

    def __init__(self, detector: LoadedDetector, tap: FaultTap, on_gpu: bool) -> None:
        self._detector, self._tap, self._on_gpu = detector, tap, on_gpu

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label map."""
        return self._detector.label_names

    @property
    def description(self) -> str:
        """Device, precision and checkpoint."""
        return self._detector.description

    def configure(self, config: DetectorConfig) -> None:
        """Replace the thresholds."""
        self._detector.configure(config)

    def warm_up(self) -> None:
        """Make the first frame as fast as the rest."""
        self._detector.warm_up()

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Items in the image, or the fault's failure."""
        fault = self._tap.fault
        if fault == "detector_raises":
            raise RuntimeError("raised by the soak run")
        if fault == "detector_out_of_memory" and self._on_gpu:
            raise RuntimeError("CUDA out of memory. Raised by the soak run")
        if fault == "detector_slow":
            time.sleep(SLOW_S)
        while self._tap.fault == "detector_hangs":
            time.sleep(0.02)
        return self._detector.detect(image_bgr)


class SoakSorter(SorterNode):
    """The node with a detector that fails on command."""

    tap: FaultTap

    def load_detector(self, config: Config) -> LoadedDetector:
        """The real detector behind one that fails; `auto` stands for a GPU, whatever this machine has."""
        return FailingDetector(super().load_detector(config), self.tap, on_gpu=config.model.device == "auto")


def main() -> int:
    """Run the node as the program ``sorter_node`` does."""
    ending = end_on_signals()
    SoakSorter.tap = FaultTap()
    code = run(None, ending, SoakSorter)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

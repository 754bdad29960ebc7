"""``spp_sorter replay``: a recorded bag through exactly the sorter that the node runs, in the order of stamps."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spp_sorter.config import Config, ConfigError
from spp_sorter.drawing import draw_result
from spp_sorter.ros import messages
from spp_sorter.ros.bag_frames import BadInput, BagFrame, BagFrames
from spp_sorter.ros.bag_topics import TopicNames, choose_topics
from spp_sorter.ros.bags import BagError, BagReader, BagWriter
from spp_sorter.ros.compare import compare, comparison_rows, read_results
from spp_sorter.ros.markers import markers_of
from spp_sorter.ros.parameter_files import add_set_argument, read_parameters, read_settings
from spp_sorter.ros.publishers import camera_of
from spp_sorter.ros.replay_report import ReplayReport, format_table
from spp_sorter.ros.report import RunRecord, write_report
from spp_sorter.ros.video import Video
from spp_sorter.sorting import ItemDetector, Sorter
from spp_sorter.values import BeltSample, Frame, ImageArray, SortResult

BAG_NAME = "replay.mcap"
VIDEO_NAME = "replay.mp4"
NODE_NAMESPACE = "/spp_sorter"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a replay leaves.

    Attributes:
        folder: where ``replay.mcap`` and ``replay.mp4`` go; earlier ones are replaced.
        video: whether the video is written.
        progress: whether a progress bar is shown.
        record: takes every frame for a page.
    """

    folder: Path
    video: bool = True
    progress: bool = False
    record: RunRecord | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``spp_sorter replay``."""
    parser.add_argument("bag", type=Path, help="rosbag2 folder, or a .mcap or .db3 file")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {BAG_NAME} and {VIDEO_NAME}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, and one entry per frame")
    parser.add_argument(
        "--report", type=Path, metavar="HTML", help="write a page with plots and pictures of hard frames"
    )
    parser.add_argument("--compare", type=Path, metavar="OLD", help=f"the {BAG_NAME} of an earlier replay of this bag")
    parser.add_argument("--no-video", action="store_true", help="write the bag only")
    parser.add_argument("--params", type=Path, metavar="YAML", help="ROS parameter file, as the node takes it")
    add_set_argument(parser)
    parser.add_argument("--model", metavar="FILE", help="checkpoint in place of the shipped weights (model.checkpoint)")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N (model.device)")
    parser.add_argument("--image-topic", default="", help="pictures, where a bag holds several; found by default")
    parser.add_argument("--camera-info-topic", default="", help="CameraInfo; that beside the pictures by default")
    parser.add_argument("--depth-topic", default="", help="depth aligned to the pictures; none by default")
    parser.add_argument("--encoder-topic", default="", help="JointState of the belt; `belt_encoder` by default")
    parser.add_argument("--velocity-topic", default="", help="TwistStamped of the belt; `belt_velocity` by default")


def run(args: argparse.Namespace) -> int:
    """Replay and print the table; 1 when no picture could be sorted."""
    config = config_of(args)
    names = TopicNames(
        args.image_topic, args.camera_info_topic, args.depth_topic, args.encoder_topic, args.velocity_topic
    )
    with BagReader(args.bag) as bag:
        choose_topics(bag.topics, names, config.node.use_depth)  # before the model loads: a slip costs no wait
        from spp_sorter.detector import Detector

        detector = Detector.from_config(config)
        record = RunRecord() if args.report is not None else None
        outputs = Outputs(args.out, not args.no_video, sys.stderr.isatty(), record)
        earlier = read_results(args.compare) if args.compare is not None else None  # it may be the one that is replaced
        report = replay(bag, detector, config, outputs, names)
    changes = compare(earlier, read_results(args.out / BAG_NAME)) if earlier is not None else None
    about = f"{args.bag}: {detector.description}"
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        figures = report.as_json(bag=str(args.bag), detector=detector.description)
        figures = figures if changes is None else {"changes": changes, **figures}
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    rows = [] if changes is None else comparison_rows(changes)
    if record is not None:
        write_report(args.report, record, report, about, rows)
    print(about)
    print(report.table())
    if rows:
        print(f"against {args.compare}:\n{format_table(rows)}")
    print(f"written: {args.out / BAG_NAME}" + ("" if args.no_video else f", {args.out / VIDEO_NAME}"))
    if not report.num_processed:
        print("spp_sorter replay: no picture could be sorted; the causes stand above", file=sys.stderr)
        return 1
    return 0


def config_of(args: argparse.Namespace) -> Config:
    """The settings of ``--params``, ``--set``, ``--model`` and ``--device``; the later win.

    Raises:
        ConfigError: naming every parameter that is wrong.
    """
    values: dict[str, object] = {}
    if args.params is not None:
        values.update(read_parameters(args.params))
    values.update(read_settings(args.set))
    if args.model is not None:
        values["model.checkpoint"] = args.model
    if args.device is not None:
        values["model.device"] = args.device
    return Config.from_flat(values)


def replay(
    bag: BagReader, detector: ItemDetector, config: Config, outputs: Outputs, names: TopicNames | None = None
) -> ReplayReport:
    """Run an open bag through the sorter.

    Args:
        bag: open.
        detector: finds the items.
        config: all settings, as the node's.
        outputs: what is written where.
        names: topics that the user named.

    Returns:
        The figures. The bag in ``outputs.folder`` holds the node's topics, each message recorded at its frame's
        stamp; two replays write the same bytes.

    Raises:
        BagError: the bag is damaged or lacks a topic.
        ConfigError: labels to pick that the detector does not know.
    """
    _check_labels(config, detector)
    topics = choose_topics(bag.topics, names or TopicNames(), config.node.use_depth)
    frames, sorter, report = BagFrames(bag, topics, config), Sorter(detector, config), ReplayReport()
    _check_folder(outputs.folder)
    started = time.perf_counter()
    with ExitStack() as stack:
        writer = stack.enter_context(BagWriter(outputs.folder / BAG_NAME, overwrite=True))
        video = stack.enter_context(Video(outputs.folder / VIDEO_NAME)) if outputs.video else None
        bar = stack.enter_context(tqdm(total=frames.num_images, unit="frame", disable=not outputs.progress))
        results = ResultWriter(writer, config, tuple(detector.label_names))
        reading = time.perf_counter()
        for item in frames:
            if isinstance(item, BeltSample):
                sorter.add_belt_sample(item)
            elif isinstance(item, BadInput):
                report.add_bad_input(item)
            else:
                bar.update()
                read_ms = (time.perf_counter() - reading) * 1e3
                _sort(item, sorter, report, results, (video, outputs.record), read_ms)
                reading = time.perf_counter()
    report.seconds = time.perf_counter() - started
    return report


def _sort(
    item: BagFrame,
    sorter: Sorter,
    report: ReplayReport,
    results: ResultWriter,
    shown: tuple[Video | None, RunRecord | None],
    read_ms: float,
) -> None:
    if item.frame is None:
        report.add_bad_frame(item)
        return
    result = sorter.process(item.frame)
    result = dataclasses.replace(result, statuses=(*item.statuses, *result.statuses))
    started = time.perf_counter()
    results.write(item.frame, result)
    frame, (video, record) = item.frame, shown

    def draw() -> ImageArray:
        return draw_result(frame.image_bgr, result, results.config, camera_of(frame))

    if video is not None:
        video.add(item.stamp_ns, draw())
    stages_ms = {"read": read_ms, **result.stages_ms, "write": (time.perf_counter() - started) * 1e3}
    report.add_result(item, result, stages_ms)
    if record is not None:
        record.add(item, result, stages_ms, draw)


class ResultWriter:
    """Writes results to a bag as the node would publish them, each at its frame's stamp.

    Args:
        bag: being written.
        config: all settings.
        label_names: the label map, for ``label_info``.
        namespace: what ``~`` stands for.
    """

    def __init__(
        self, bag: BagWriter, config: Config, label_names: tuple[str, ...], namespace: str = NODE_NAMESPACE
    ) -> None:
        self.config = config
        self._bag, self._label_names, self._namespace = bag, label_names, namespace
        self._labels_written = False

    def write(self, frame: Frame, result: SortResult) -> None:
        """Write one result."""
        config = self.config
        belt = messages.make_header(frame.stamp_ns, config.node.target_frame)
        image = messages.make_header(frame.stamp_ns, frame.frame_id)
        if not self._labels_written:
            labels = messages.label_info_to_msg(self._label_names, config.detector.score_thresh, belt)
            self._put("label_info", labels, frame.stamp_ns, latched=True)
            self._labels_written = True
        self._put("pick_targets", messages.picks_to_msg(result.picks, belt), frame.stamp_ns)
        if result.looked:
            detections = messages.detections_to_msg(result.detections, image, result.track_ids)
            self._put("detections", detections, frame.stamp_ns)
        self._put("detections_3d", messages.tracks_to_detection3d_array(result.tracks, belt), frame.stamp_ns)
        self._put("markers", markers_of(result, belt, config.picking, config.drawing), frame.stamp_ns)

    def _put(self, topic: str, message: Any, stamp_ns: int, latched: bool = False) -> None:
        self._bag.write_message(f"{self._namespace}/{topic}", message, stamp_ns, latched)


def _check_labels(config: Config, detector: ItemDetector) -> None:
    unknown = [label for label in config.picking.labels if label not in detector.label_names]
    if unknown:
        raise ConfigError(
            f"parameter 'picking.labels' has {unknown}; allowed: labels of the model, {', '.join(detector.label_names)}"
        )


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BagError(f"--out is '{folder}', which is a file; give a folder")

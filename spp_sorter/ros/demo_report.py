"""The figures of a demo, from what was recorded and from what the nodes said about themselves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from spp_sorter.config import Config
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.ros import graph, messages
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.demo_files import stamps
from spp_sorter.ros.judge import PickJudge, judge_detections
from spp_sorter.ros.recorder import Recorder
from spp_sorter.ros.replay_report import format_table, percentiles
from spp_sorter.ros.truth_messages import truth_boxes_from_msg
from spp_sorter.values import LABELS, PickTarget


def judge_run(recorder: Recorder, counts: graph.Counts, settings: CellSettings, config: Config) -> dict[str, Any]:
    """All figures of a recorded run.

    Args:
        recorder: after the run.
        counts: the nodes' last words.
        settings: of the cell.
        config: of the sorter.

    Returns:
        What ``demo.json`` holds; ``failures`` names what did not work.
    """
    start = CellStart.from_json(next(recorder.messages(graph.WORLD)).decode().data)
    truths = {stamp: truth_boxes_from_msg(message) for stamp, message in stamps(recorder, graph.TRUTH_BOXES)}
    found = {
        stamp: messages.detections_from_msg(message, LABELS)[0] for stamp, message in stamps(recorder, graph.DETECTIONS)
    }
    map50, ap50 = judge_detections(truths, found)
    labels = [detections.label_names[int(label)] for detections in found.values() for label in detections.labels]
    latencies_ms = [(record.published_ns - record.stamp_ns) * 1e-6 for record in recorder.records[graph.DETECTIONS]]
    sent, received = int(counts.camera["sent"]), int(counts.sorter["received"])
    processed = int(counts.sorter["processed"])
    dropped = {
        key.removeprefix("dropped."): int(value) for key, value in counts.sorter.items() if key.startswith("dropped.")
    }
    dropped["lost_in_transport"] = max(0, sent - received)
    figures: dict[str, Any] = {
        "frames_sent": sent,
        "frames_received": received,
        "frames_processed": processed,
        "dropped": dropped,
        "unaccounted": sent - processed - sum(dropped.values()),
        "camera": {"skipped": int(counts.camera["skipped"]), "late": int(counts.camera["late"])},
        "fps": round(processed / settings.duration, 2),
        "latency_ms": percentiles(latencies_ms) if latencies_ms else dict.fromkeys(("p50", "p95", "p99")),
        "detections": len(labels),
        "detections_by_label": {label: labels.count(label) for label in LABELS},
        "map50": _number(map50),
        "ap50": {label: _number(value) for label, value in ap50.items()},
        **_pick_figures(recorder, start, config),
        "arm": {key: int(value) for key, value in counts.arm.items() if value.isdigit() and key != "level"},
        "device": counts.detector.get("detector", ""),
        "settings": json.loads(start.to_json())["settings"],
    }
    figures["failures"] = _failures(figures, latencies_ms)
    return figures


def _pick_figures(recorder: Recorder, start: CellStart, config: Config) -> dict[str, Any]:
    judge = PickJudge(start)
    executed = [
        pick for _, message in stamps(recorder, graph.PICKS) for pick in messages.pick_targets_from_msg(message)
    ]
    judged = [judge.judge(pick) for pick in executed]
    taken = [pick for pick in judged if pick.item_id is not None]
    settings = start.settings
    from_ns = start.start_ns + _unseen_ns(settings, config)
    to_ns = start.start_ns + round(settings.duration * 1e9)
    reach = (config.picking.reach_min, config.picking.reach_max)
    crossed = (
        judge.crossed(config.picking.labels, from_ns, to_ns, config.picking.pick_line, reach) if to_ns > from_ns else 0
    )
    return {
        "picks": len(judged),
        "picks_right": sum(pick.right for pick in judged),
        "picks_wrong": sum(not pick.right for pick in taken),
        "picks_missed": len(judged) - len(taken),
        "picks_twice": len(taken) - len({pick.item_id for pick in taken}),
        "pick_error_mm": _two([pick.error_mm for pick in taken]),
        "pick_yaw_error_deg": _two([pick.yaw_error_deg for pick in taken]),
        "offered": len(_offered(recorder)),
        "contaminants_crossed": crossed,
    }


def _offered(recorder: Recorder) -> set[int]:
    offers: list[PickTarget] = []
    for _, message in stamps(recorder, graph.PICK_TARGETS):
        offers += messages.pick_targets_from_msg(message)
    return {offer.track_id for offer in offers}


def _unseen_ns(settings: CellSettings, config: Config) -> int:
    """How long after the start items cross the pick line that had left the view before the first frame."""
    intrinsics = settings.world_config().camera
    camera = Camera(intrinsics, pose_from_quaternion(config.camera.position, config.camera.orientation))
    height, width = intrinsics.size_hw
    edges = camera.to_plane([[0.0, height / 2.0], [width - 1.0, height / 2.0]], 0.0)[:, 0]
    if settings.speed == 0.0:
        return 0
    last_seen_x = float(edges.max() if settings.speed > 0 else edges.min())
    return max(0, round((config.picking.pick_line - last_seen_x) / settings.speed * 1e9))


def _failures(figures: dict[str, Any], latencies_ms: list[float]) -> list[str]:
    failures = []
    if not figures["frames_sent"]:
        failures.append("the camera sent no frames; see log/camera.log")
    elif not figures["frames_received"]:
        failures.append("no frame reached the sorter; check that config/fastdds.xml is used, see log/sorter.log")
    elif not figures["frames_processed"] or not latencies_ms:
        failures.append("the sorter processed no frame; see log/sorter.log")
    elif not figures["detections"]:
        failures.append("nothing was detected; check --model")
    elif not figures["picks"]:
        failures.append("nothing was picked; see `arm` and `offered` in demo.json, and run longer (--duration)")
    return failures


def _number(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return round(value, 4) if np.isfinite(value) else None


def _two(values: list[float]) -> dict[str, float | None]:
    values = [value for value in values if np.isfinite(value)]
    if not values:
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    settings, dropped = figures["settings"], figures["dropped"]
    causes = ", ".join(f"{number} {cause}" for cause, number in dropped.items() if number) or "none"
    latency, error, yaw = figures["latency_ms"], figures["pick_error_mm"], figures["pick_yaw_error_deg"]
    rows = [
        (
            "belt",
            f"{settings['density']}, objects never trained on, {settings['speed']:g} m/s, seed {settings['seed']}",
        ),
        (
            "camera",
            f"{settings['width']}x{settings['height']} at {settings['fps']:g} Hz for {settings['duration']:g} s",
        ),
        ("device", figures["device"]),
        ("frames sent", f"{figures['frames_sent']}   ({figures['camera']['skipped']} skipped by the simulation)"),
        ("frames received", f"{figures['frames_received']}"),
        ("frames processed", f"{figures['frames_processed']}"),
        ("frames dropped", causes),
        ("speed", f"{figures['fps']:.1f} frames/s"),
        ("capture to publish", _spread(latency, "ms")),
        ("detections", f"{figures['detections']}"),
        ("mAP@0.5", "-" if figures["map50"] is None else f"{figures['map50']:.3f}"),
        (
            "picks",
            f"{figures['picks']}, as many as one arm can take   ({figures['picks_right']} right, "
            f"{figures['picks_wrong']} wrong, {figures['picks_missed']} of nothing)",
        ),
        (
            "items offered",
            f"{figures['offered']}   ({figures['contaminants_crossed']} contaminants crossed the arm's reach)",
        ),
        ("pick error", _spread(error, "mm")),
        ("pick yaw error", _spread(yaw, "deg")),
    ]
    if figures["unaccounted"]:
        rows.insert(7, ("frames unaccounted for", f"{figures['unaccounted']}"))
    return format_table(rows)


def _spread(values: dict[str, float | None], unit: str) -> str:
    return "   ".join(f"{name} {'-' if value is None else f'{value:.1f} {unit}'}" for name, value in values.items())

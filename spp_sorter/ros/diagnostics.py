"""``/diagnostics``: what the node has seen, done and lost, and what to do about it.

Five statuses, each named ``<node>: <part>``: ``frames`` (rates and drops by cause), ``transport`` (publishers and
losses), ``latency`` (percentiles of each stage), ``detector`` (device, last error), ``sorting`` (conditions of frames).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from spp_sorter.config import NodeConfig
from spp_sorter.ros.health import Snapshot, worst
from spp_sorter.ros.transport import LARGE_FRAME_REMEDY, TopicReport
from spp_sorter.values import Level, Status

LOSS_WARN = 0.01
"""Share of frames lost in transport, lately, above which it is reported."""

_LEVELS = {
    Level.OK: DiagnosticStatus.OK,
    Level.WARN: DiagnosticStatus.WARN,
    Level.ERROR: DiagnosticStatus.ERROR,
    Level.STALE: DiagnosticStatus.STALE,
}


@dataclass(frozen=True, slots=True)
class NodeState:
    """What the node knows about itself.

    Attributes:
        name: the node's full name without the leading slash.
        lifecycle: ``unconfigured``, ``inactive``, ``active`` or ``finalized``.
        detector: the detector's description, empty before configuration.
        sim_time: whether ``use_sim_time`` is set.
    """

    name: str
    lifecycle: str
    detector: str = ""
    sim_time: bool = False


def diagnostic_array(
    stamp: Time, state: NodeState, health: Snapshot, topics: Sequence[TopicReport], config: NodeConfig
) -> DiagnosticArray:
    """The message for ``/diagnostics``.

    Args:
        stamp: the time of the node's clock.
        state: the node itself.
        health: counters.
        topics: the inputs.
        config: ``stale_after`` and ``max_age``.

    Returns:
        diagnostic_msgs/DiagnosticArray.
    """
    message = DiagnosticArray()
    message.header.stamp = stamp
    message.status = [
        _status(state, "frames", *_frames(state, health, config)),
        _status(state, "transport", *_transport(state, health, topics)),
        _status(state, "latency", *_latency(health)),
        _status(state, "detector", *_detector(state, health)),
        _status(state, "sorting", *_sorting(health)),
    ]
    return message


Part = tuple[Level, str, Mapping[str, str]]


def _frames(state: NodeState, health: Snapshot, config: NodeConfig) -> Part:
    values = {
        "lifecycle": state.lifecycle,
        "received": str(health.received),
        "processed": str(health.processed),
        "dropped": str(sum(health.dropped.values())),
        **{f"dropped.{cause}": str(number) for cause, number in sorted(health.dropped.items())},
        "overtaken": str(health.overtaken),
        "received_hz": f"{health.received_hz:.2f}",
        "processed_hz": f"{health.processed_hz:.2f}",
        "silence_s": "" if health.silence_s is None else f"{health.silence_s:.2f}",
        "waiting_s": f"{health.waiting_s:.2f}",
    }
    if state.lifecycle != "active" or health.silence_s is None:
        return Level.OK, f"{state.lifecycle}: no frames are taken", values
    if health.silence_s >= config.stale_after:
        return Level.STALE, f"no frame for {health.silence_s:.1f} s; picks are withdrawn", values
    recent = health.recent
    if recent.get("stale") and not health.processed_hz:
        return Level.STALE, _stale_text(state, config), values
    bad = {cause: number for cause, number in recent.items() if cause.partition(".")[0] in ("bad", "failed", "stale")}
    causes = ", ".join(f"{number} {cause}" for cause, number in sorted(bad.items()))
    advice = f". {_stale_text(state, config)}" if "stale" in bad else ""
    if health.waiting_s >= config.stale_after:
        why = f"dropped lately: {causes}" if bad else "the detector hangs or is far too slow"
        text = f"frames arrive, but none was answered for {health.waiting_s:.1f} s; picks are withdrawn; {why}{advice}"
        return Level.STALE, text, values
    if bad:
        return Level.WARN, f"frames dropped lately: {causes}{advice}", values
    return Level.OK, f"{health.processed_hz:.1f} frames/s processed of {health.received_hz:.1f} received", values


def _stale_text(state: NodeState, config: NodeConfig) -> str:
    remedy = (
        "use_sim_time is set: play the bag with --clock"
        if state.sim_time
        else "for a bag set use_sim_time and play it with --clock; for a camera synchronise its clock"
    )
    return f"frames' stamps are more than node.max_age ({config.max_age:g} s) from this node's clock; {remedy}"


def _transport(state: NodeState, health: Snapshot, topics: Sequence[TopicReport]) -> Part:
    values = {"lost": str(health.lost), "rejoins": str(health.rejoins)}
    for report in topics:
        values[f"{report.topic} publishers"] = str(report.publishers)
        values[f"{report.topic} messages"] = str(report.messages)
    faults = [report.status for report in topics if report.status is not None]
    if health.recent.get("rejoins"):
        faults.append(
            Status(
                "rejoined",
                Level.WARN,
                "the process stood still, and nothing was heard any more though publishers were matched: the node has "
                "left the graph and joined it anew. Find out what stopped it: swapping, a machine asleep, overload",
            )
        )
    values.update((status.name, f"{status.level.name}: {status.message}") for status in faults)
    texts = [f"{status.name}: {status.message}" for status in faults]
    lost = health.recent.get("lost", 0)
    level = worst(faults)
    if lost > LOSS_WARN * (lost + health.recent.get("received", 0)):
        texts.append(
            f"{lost} frames were lost in transport lately (gaps in sequence numbers): this machine is overloaded, or "
            f"{LARGE_FRAME_REMEDY}"
        )
        level = max(level, Level.WARN)
    if state.lifecycle != "active":
        return Level.OK, f"{state.lifecycle}: nothing is subscribed", values
    return level, "; ".join(texts) or "messages arrive", values


def _latency(health: Snapshot) -> Part:
    values = {
        f"{stage}.{name}_ms": f"{value:.3f}"
        for stage, triple in health.percentiles_ms.items()
        for name, value in zip(("p50", "p95", "p99"), triple, strict=True)
    }
    total = health.percentiles_ms.get("capture_to_publish")
    text = "no frame was processed yet"
    if total:
        text = f"capture to publish: p50 {total[0]:.1f} ms, p95 {total[1]:.1f} ms, p99 {total[2]:.1f} ms"
    return Level.OK, text, values


def _detector(state: NodeState, health: Snapshot) -> Part:
    failed = sum(number for cause, number in health.recent.items() if cause.startswith("failed."))
    values = {"detector": state.detector, "last_error": health.last_error}
    if failed:
        return Level.ERROR, f"{failed} frames failed lately; last error: {health.last_error}", values
    if state.lifecycle == "unconfigured" and health.last_error:
        return Level.ERROR, health.last_error, values
    return Level.OK, state.detector or f"{state.lifecycle}: no model is loaded", values


def _sorting(health: Snapshot) -> Part:
    values = {status.name: f"{status.level.name}: {status.message}" for status in health.statuses}
    if not health.statuses:
        return Level.OK, "no conditions", values
    return worst(health.statuses), "; ".join(f"{s.name}: {s.message}" for s in health.statuses), values


def _status(state: NodeState, part: str, level: Level, text: str, values: Mapping[str, str]) -> DiagnosticStatus:
    status = DiagnosticStatus(name=f"{state.name}: {part}", hardware_id=state.name, level=_LEVELS[level], message=text)
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    return status

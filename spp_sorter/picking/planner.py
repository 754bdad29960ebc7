"""Which items the arm should take, when they cross the pick line, and why others are not offered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from spp_sorter.config import PickingConfig
from spp_sorter.geometry.belt import Forecast
from spp_sorter.values import PickTarget, Rejection, Track

_MAX_STAMP_AHEAD_S = 3600.0
_MOST_DOUBT_S = 0.05


def plan_picks(
    tracks: Iterable[Track], forecast: Forecast, config: PickingConfig, blocked: Mapping[int, str] | None = None
) -> tuple[tuple[PickTarget, ...], tuple[Rejection, ...]]:
    """Choose the items to offer.

    Every item that can be picked is offered, the first to cross first; with ``arm_limited`` only those that one arm can
    take with ``cycle_time`` from pick to pick, of all such choices the one that is worth most: probability times the
    label's value.

    Args:
        tracks: items as known at the forecast's stamp.
        forecast: where the belt goes from there; it must not stand.
        config: what to pick and what the arm can do.
        blocked: tracks that must not be picked, and why.

    Returns:
        Targets by crossing time, and rejections of items with a label to pick. Reasons: ``passed``, ``too_late`` (less
        than ``lead_time`` left), ``lost``, ``duplicate``, ``not_whole``, ``too_few_views``, ``uncertain``,
        ``out_of_reach``, ``too_wide``, ``arm_busy``.
    """
    blocked = blocked or {}
    floors = {label: config.least_probability(label) for label in config.labels}
    wanted: list[Track] = []
    labels: list[str] = []
    certainties: list[float] = []
    for track in tracks:
        probs = track.label_probs.tolist()
        best = max(probs)
        label = track.label_names[probs.index(best)]
        if label in floors:
            wanted.append(track)
            labels.append(label)
            certainties.append(best)
    if not wanted:
        return (), ()
    points = np.array([track.point_belt for track in wanted])
    sizes = np.empty((len(wanted), 3))
    sizes[:, :2] = [track.size_m for track in wanted]
    sizes[:, 2] = points[:, 2] = [track.height_m for track in wanted]
    to_go = config.pick_line - points[:, 0]
    seconds = forecast.seconds_to(to_go)
    covariances = np.zeros((len(wanted), 4, 4))
    covariances[:, :2, :2] = [track.covariance_belt for track in wanted]
    covariances[:, 0, 0] += forecast.std_at(seconds) ** 2 + (forecast.scale_std * to_go) ** 2
    stds = np.array([(track.height_std_m, track.yaw_std_rad) for track in wanted])
    covariances[:, (2, 3), (2, 3)] = stds * stds
    points[:, 0] = config.pick_line
    doubts = np.minimum(2.0 * np.sqrt(covariances[:, 0, 0]) / abs(forecast.velocity_mps), _MOST_DOUBT_S)
    picks: list[PickTarget] = []
    rejections: list[Rejection] = []
    rows = zip(
        wanted, labels, certainties, seconds.tolist(), doubts.tolist(), points[:, 1].tolist(), sizes[:, 1].tolist(),
        points, sizes, covariances, strict=True,
    )  # fmt: skip
    for track, label, probability, left_s, doubt_s, y, width, point, size, covariance in rows:
        reason = _reason_against(track, probability >= floors[label], left_s, doubt_s, y, width, config)
        reason = reason or blocked.get(track.id)
        if reason:
            rejections.append(Rejection(track.id, reason))
            continue
        stamp_ns = track.stamp_ns + round(left_s * 1e9)
        picks.append(PickTarget(track.id, stamp_ns, label, probability, point, track.yaw_rad, size, covariance))
    picks.sort(key=lambda pick: (pick.stamp_ns, pick.track_id))
    if config.arm_limited:
        kept = _for_one_arm(picks, config)
        rejections.extend(Rejection(pick.track_id, "arm_busy") for pick in picks if pick.track_id not in kept)
        picks = [pick for pick in picks if pick.track_id in kept]
    return tuple(picks), tuple(rejections)


def _reason_against(
    track: Track,
    is_sure: bool,
    left_s: float,
    doubt_s: float,
    y: float,
    width: float,
    config: PickingConfig,
) -> str | None:
    if left_s < 0.0 or left_s > _MAX_STAMP_AHEAD_S:
        return "passed"
    # Withdrawn when it is surely too late: in doubt, an arm can still decide for itself.
    if left_s + doubt_s < config.lead_time:
        return "too_late"
    if not track.whole:
        return "not_whole"
    if track.num_views < config.min_views:
        return "too_few_views"
    if not is_sure:
        return "uncertain"
    if not config.reach_min <= y <= config.reach_max:
        return "out_of_reach"
    if width > config.gripper_width:
        return "too_wide"
    return None


def _for_one_arm(picks: list[PickTarget], config: PickingConfig) -> set[int]:
    """Ids of the picks that are worth most together and whose crossings are ``cycle_time`` apart.

    Weighted interval scheduling (Kleinberg and Tardos 2005, 6.1); ``picks`` are in order of their stamps.
    """
    cycle_ns = round(config.cycle_time * 1e9)
    best = [0.0]
    before: list[int] = []
    for i, pick in enumerate(picks):
        fitting = i
        while fitting > 0 and picks[fitting - 1].stamp_ns > pick.stamp_ns - cycle_ns:
            fitting -= 1
        before.append(fitting)
        best.append(max(best[i], best[fitting] + pick.probability * config.value(pick.label)))
    kept: set[int] = set()
    i = len(picks)
    while i > 0:
        pick = picks[i - 1]
        if math.isclose(best[i], best[i - 1], rel_tol=0.0, abs_tol=1e-12):
            i -= 1
        else:
            kept.add(pick.track_id)
            i = before[i - 1]
    return kept

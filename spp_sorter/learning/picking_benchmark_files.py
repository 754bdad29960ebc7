"""The truth of a run as JSON lines, so that anybody can judge its bag without this package.

Lines by ``kind``: one ``run`` (pick line, reach, labels, how the belt moves), an ``item`` for each item, a ``frame``
for each frame of the camera, processed or not.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from spp_sorter.config import PickingConfig
from spp_sorter.learning.picking_benchmark_belts import START_NS, ObservedBelt, SeenItems, stamp_of
from spp_sorter.learning.picking_benchmark_conditions import Condition


def write_truth(path: Path, belt: ObservedBelt, condition: Condition, config: PickingConfig) -> None:
    """Write the truth of a run.

    Args:
        path: the file.
        belt: the belt.
        condition: what the run met.
        config: pick line, reach and labels.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(_run_line(belt, condition, config)) + "\n")
        for item in belt.items:
            file.write(json.dumps({"kind": "item", **dataclasses.asdict(item)}) + "\n")
        for frame, seen in enumerate(belt.seen):
            file.write(json.dumps(_frame_line(stamp_of(frame), seen)) + "\n")


def _run_line(belt: ObservedBelt, condition: Condition, config: PickingConfig) -> dict[str, Any]:
    return {
        "kind": "run",
        "condition": dataclasses.asdict(condition),
        "plan": dataclasses.asdict(belt.plan),
        "start_ns": START_NS,
        "end_ns": START_NS + round(belt.plan.seconds * 1e9),
        "speed_knots": belt.plan.speed_knots(),
        "pick_line": config.pick_line,
        "reach": [config.reach_min, config.reach_max],
        "labels": list(config.labels),
    }


def _frame_line(stamp_ns: int, seen: SeenItems) -> dict[str, Any]:
    rows = zip(seen.ids.tolist(), seen.boxes_xyxy.tolist(), seen.visible.tolist(), strict=True)
    items = [
        {"id": number, "box_xyxy": box if box[0] == box[0] else None, "visible": visible}
        for number, box, visible in rows
    ]
    return {"kind": "frame", "stamp_ns": stamp_ns, "items": items}

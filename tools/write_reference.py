"""docs/reference.md, written from the source: topics, message fields, parameters, conditions and causes of drops.

python tools/write_reference.py    writes the page
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import parameter_table  # noqa: E402

TARGET = ROOT / "docs" / "reference.md"
MESSAGES = ROOT / "tools" / "vision_msgs" / "msg"

HEAD = """\
# Reference

Written by `tools/write_reference.py` from the source; do not edit it by hand.

## Messages

Stamps are the image's, unchanged; a pick target's own stamp is when it crosses the pick line. Lengths are in metres,
boxes in pixels of the input image, angles in radians. `belt` has its origin on the belt, x along its motion, z up.
"""

TOPICS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "~/detections",
        "Detection2DArray",
        (
            ("header", "the image's, unchanged"),
            ("detections[].bbox.center.position", "centre of the box, pixels"),
            ("detections[].bbox.size_x, size_y", "width and height of the box, pixels"),
            ("detections[].results[]", "every label with its probability, best first; the rest to 1 is background"),
            ("detections[].results[].hypothesis.class_id", "the label's name, such as `non_compost`"),
            ("detections[].id", "number of the item's track; empty when it could not be located"),
        ),
    ),
    (
        "~/detections_3d",
        "Detection3DArray",
        (
            ("header", "the image's stamp, frame `node.target_frame`"),
            ("detections[].bbox.center", "middle of the item's box: it stands on the belt; orientation about z"),
            ("detections[].bbox.size", "length (along the long axis), width, height"),
            ("detections[].results[].pose", "grasp on the item's top, covariance of x, y, z and yaw filled in"),
            ("detections[].id", "the track"),
        ),
    ),
    (
        "~/pick_targets",
        "Detection3DArray",
        (
            ("header", "the image's stamp, frame `node.target_frame`; ignore lists older than 200 ms"),
            ("detections[]", "most urgent first; the list replaces the one before it, an id that is gone is withdrawn"),
            ("detections[].header.stamp", "WHEN the item crosses the pick line"),
            ("detections[].bbox", "the item's oriented box then"),
            ("detections[].results[0].hypothesis", "label to pick and its probability"),
            ("detections[].results[0].pose", "the grasp then: x is the pick line, yaw about z, covariance"),
            ("detections[].id", "the track; stable while the item is on the belt"),
        ),
    ),
    (
        "~/label_info",
        "LabelInfo",
        (
            ("class_map[]", "number and name of every label"),
            ("threshold", "`detector.score_thresh`"),
        ),
    ),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for topic, kind, rows in TOPICS:
        parts.append(f"\n### `{topic}`: vision_msgs/msg/{kind}\n\n| field | what it holds |\n|---|---|\n")
        parts.extend(f"| `{field}` | {text} |\n" for field, text in rows)
    parts.append("\nFields of the messages themselves, as vision_msgs 4.1.1 has them:\n\n")
    for file in sorted(MESSAGES.glob("*.msg")):
        fields = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
        parts.append(f"- `{file.stem}`: {', '.join(f'`{field}`' for field in fields if field)}\n")
    parts.append(
        "\n## Parameters\n\nIn `config/sorter.yaml` with the same help. *Live* ones change while the node runs.\n\n"
    )
    parts.append(parameter_table.table() + "\n")
    parts.append(
        "\n## Conditions\n\n"
        "Named in `/diagnostics`, part `sorting` or `transport`, with what helps. `...` stands for values, `<input>` "
        "for `image`, `camera_info`, `depth`, `belt_encoder` or `belt_velocity`, `<why>` for a cause of the next "
        "table.\n\n"
    )
    parts.append("| name | level | text |\n|---|---|---|\n")
    parts.extend(f"| `{name}` | {level} | {text} |\n" for name, level, text in sorted(set(statuses())))
    parts.append("\n## Causes of frames that are not answered\n\n")
    parts.append("| cause in `/diagnostics`, part `frames` | what happened |\n|---|---|\n")
    parts.extend(f"| `{cause}` | {text} |\n" for cause, text in DROPS)
    parts.append(f"| `bad.<why>` | the message is no image: {', '.join(f'`{cause}`' for cause in bad_causes())} |\n")
    return "".join(parts)


DROPS = (
    ("replaced", "a newer frame came before its turn: the detector is slower than the camera"),
    ("stale", "its stamp is more than `node.max_age` from the node's clock"),
    ("deactivated", "it waited while the node was deactivated"),
    ("failed.<error>", "the detector or the sorter raised; the part `detector` has the text"),
)


def statuses() -> Iterator[tuple[str, str, str]]:
    """Name, level and text of every Status that the source makes; an input's name in it is ``<input>``."""
    for call, tree in _calls("Status"):
        if len(call.args) == 3:
            for name in _names(call.args[0]):
                yield name, ast.unparse(call.args[1]).rpartition(".")[2], _text(call.args[2], call, tree)
    for call, tree in _calls("_pause"):
        for name in _names(call.args[0]):
            yield name, "WARN", _text(call.args[1], call, tree)


def bad_causes() -> list[str]:
    """Every cause that a BadFrame bears."""
    return sorted({name for call, _ in _calls("BadFrame") if call.args for name in _names(call.args[0])})


def _names(node: ast.expr) -> Iterator[str]:
    """The fixed names that an expression may stand for."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*_names(node.body), *_names(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        known = {"self._label": "<input>", "name": "<input>", "error.cause": "<why>"}
        parts = [
            part.value if isinstance(part, ast.Constant) else known.get(ast.unparse(getattr(part, "value", part)), "")
            for part in node.values
        ]
        if all(parts):
            yield "".join(str(part) for part in parts)


def _calls(name: str) -> Iterator[tuple[ast.Call, ast.Module]]:
    """Every call of a function or class, with the module that it stands in."""
    for path in sorted((ROOT / "spp_sorter").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
                yield node, tree


def _text(node: ast.expr, call: ast.Call, tree: ast.Module) -> str:
    """A text with `...` for what is filled in.

    Args:
        node: a string, an f-string, a variable that was given one above, or the call of a function that returns some.
        call: where the text is used.
        tree: its module.
    """
    if isinstance(node, ast.Constant):
        return str(node.value).replace("|", "/")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, call, tree) if isinstance(part, ast.Constant) else "..." for part in node.values)
    if isinstance(node, ast.Name):
        given = [
            each.value
            for each in ast.walk(tree)
            if isinstance(each, ast.Assign) and each.lineno < call.lineno and ast.unparse(each.targets[0]) == node.id
        ]
        return _text(given[-1], call, tree) if given else "..."
    if isinstance(node, ast.Call):
        if ast.unparse(node) == "str(error)":
            return "what is wrong with the message"
        made = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == ast.unparse(node.func)]
        ends = [each for each in ast.walk(made[0]) if isinstance(each, ast.Return) and each.value] if made else []
        texts = [_text(end.value, call, tree) for end in sorted(ends, key=lambda end: end.lineno) if end.value]
        return "; or: ".join(texts) or "..."
    return "..."


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")

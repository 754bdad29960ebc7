"""The message package built from field lists is, on the wire, the released vision_msgs."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tools" / "vision_msgs"
RELEASED_HASHES = {  # vision_msgs 4.1.1
    "Detection2DArray": "RIHS01_2142741200",
    "Detection3DArray": "RIHS01_793f5eab95",
    "LabelInfo": "RIHS01_3d37df4015",
}

vision_msgs = pytest.importorskip("vision_msgs", reason="vision_msgs is not installed: make setup")
messages = importlib.import_module("vision_msgs.msg")


def share_folder() -> Path:
    """Where the installed package keeps its type descriptions."""
    module = Path(vision_msgs.__file__).resolve()
    return next(parent / "share/vision_msgs" for parent in module.parents if (parent / "share/vision_msgs").is_dir())


@pytest.mark.parametrize("name", sorted(RELEASED_HASHES))
def test_type_hash_is_the_released_one(name: str) -> None:
    description = json.loads((share_folder() / "msg" / f"{name}.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    assert hashes[f"vision_msgs/msg/{name}"].startswith(RELEASED_HASHES[name])


def fields_in_source(name: str) -> dict[str, str]:
    """Field -> type as the field list says, with the spelling of the generated Python."""
    fields = {}
    for line in (SOURCE / "msg" / f"{name}.msg").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, field = line.split()
            kind = {"float64": "double", "float32": "float"}.get(kind, kind)
            fields[field] = f"sequence<{kind[:-2]}>" if kind.endswith("[]") else kind
    return fields


@pytest.mark.parametrize("name", sorted(path.stem for path in (SOURCE / "msg").glob("*.msg")))
def test_installed_message_has_the_listed_fields(name: str) -> None:
    assert getattr(messages, name).get_fields_and_field_types() == fields_in_source(name)


def test_message_survives_the_wire() -> None:
    from rclpy.serialization import deserialize_message, serialize_message

    sent = messages.Detection3DArray()
    sent.header.frame_id = "belt"
    detection = messages.Detection3D(id="7")
    detection.bbox.size.x = 0.125
    hypothesis = messages.ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = "non_compost"
    hypothesis.hypothesis.score = 0.75
    detection.results = [hypothesis]
    sent.detections = [detection]
    assert deserialize_message(serialize_message(sent), messages.Detection3DArray) == sent


def test_workspace_of_a_robot_ignores_the_package() -> None:
    assert (SOURCE / "COLCON_IGNORE").is_file()

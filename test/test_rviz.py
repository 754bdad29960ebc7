"""config/sorter.rviz: its form, what RViz's sources know, and topics, namespaces and frames that the node has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rclpy.lifecycle import LifecycleNode
from test_markers import DrawingConfig, markers, track

from spp_sorter.config import Config
from spp_sorter.ros import launching
from spp_sorter.ros.publishers import RELIABLE, Publishers

ROOT = Path(__file__).resolve().parent.parent
CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "config" / "sorter.rviz").read_text(encoding="utf-8"))
MANAGER = CONTENT["Visualization Manager"]
DISPLAYS = {display["Name"]: display for display in MANAGER["Displays"]}

COMMON = {"Class", "Name", "Enabled", "Value"}
TOPIC = {"Topic", "Depth", "History Policy", "Reliability Policy", "Durability Policy"}
PLACE = {"X", "Y", "Z"}
KNOWN = {
    "rviz_default_plugins/Grid": {
        *COMMON,
        *PLACE,
        *("Reference Frame", "Plane", "Plane Cell Count", "Normal Cell Count", "Cell Size", "Color", "Alpha"),
        *("Line Style", "Line Width", "Offset"),
    },
    "rviz_default_plugins/TF": {
        *COMMON,
        *("Show Names", "Show Axes", "Show Arrows", "Marker Scale", "Update Interval", "Frame Timeout"),
    },
    "rviz_default_plugins/MarkerArray": {*COMMON, *TOPIC, "Namespaces"},
    "rviz_default_plugins/Image": {
        *COMMON,
        *TOPIC,
        *("Normalize Range", "Min Value", "Max Value", "Median window"),
    },
    "rviz_default_plugins/Orbit": {
        *COMMON,
        *PLACE,
        *("Target Frame", "Distance", "Focal Point", "Near Clip Distance", "Pitch", "Yaw"),
    },
}
"""Found by tools/check_rviz.py in RViz's sources (release 14.3)."""

TYPES = {"rviz_default_plugins/MarkerArray": "MarkerArray", "rviz_default_plugins/Image": "Image"}


def used(entry: dict[str, Any]) -> set[str]:
    names: set[str] = set()
    for key, value in entry.items():
        names.add(key)
        if isinstance(value, dict) and key != "Namespaces":
            names |= used(value)
    return names


@pytest.mark.parametrize("entry", [*MANAGER["Displays"], MANAGER["Views"]["Current"]], ids=lambda entry: entry["Name"])
def test_classes_and_properties_are_those_of_rviz(entry: dict[str, Any]) -> None:
    assert used(entry) - KNOWN[entry["Class"]] == set()


def test_everything_is_shown_at_once() -> None:
    assert set(DISPLAYS) == {"Belt", "TF", "Markers", "Picture"}
    assert all(display["Enabled"] is True and display["Value"] is True for display in DISPLAYS.values())
    assert set(CONTENT) == {"Panels", "Visualization Manager", "Window Geometry"}


def test_topics_types_and_qos_are_those_of_the_node() -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node = LifecycleNode("spp_sorter", context=context)
        Publishers(node)
        published = dict(node.get_publisher_names_and_types_by_node("spp_sorter", "/"))
    finally:
        rclpy.shutdown(context=context)
    shown = {display["Topic"]["Value"]: display for display in DISPLAYS.values() if "Topic" in display}
    for topic, display in shown.items():
        (kind,) = published[topic]
        assert kind.endswith(f"/{TYPES[display['Class']]}")
        # A reliable, volatile reader matches the node's reliable publishers.
        assert display["Topic"]["Reliability Policy"] == "Reliable"
        assert display["Topic"]["Durability Policy"] == "Volatile"
        assert display["Topic"]["Depth"] <= RELIABLE.depth
    assert set(shown) <= {f"/spp_sorter/{topic}" for topic in launching.SHOWN_TOPICS}, "else no namespace reaches it"
    assert {f"/spp_sorter/{topic}" for topic in launching.SHOWN_TOPICS} <= set(published)


def test_frames_are_the_belts() -> None:
    frame = Config().node.target_frame
    assert MANAGER["Global Options"]["Fixed Frame"] == frame
    assert DISPLAYS["Belt"]["Reference Frame"] == MANAGER["Views"]["Current"]["Target Frame"] == frame


def test_marker_namespaces_are_those_of_the_node() -> None:
    sent = markers(DrawingConfig(), (track(7, 0.9, 0.2),))
    assert set(DISPLAYS["Markers"]["Namespaces"]) == set(sent)
    assert all(DISPLAYS["Markers"]["Namespaces"].values())


def test_the_check_against_sources_needs_them_and_finds_slips(tmp_path: Path) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "tools" / "check_rviz.py"), str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "holds no C++ sources" in check().stderr
    (tmp_path / "panel_factory.cpp").write_text('addBuiltInClass("rviz_common", "Displays", "")')
    (tmp_path / "plugins_description.xml").write_text(
        '<class name="rviz_default_plugins/TF" type="x::TFDisplay" base_class_type="rviz_common::Display">'
    )
    (tmp_path / "tf_display.cpp").write_text('TFDisplay::TFDisplay() { new BoolProperty(\n "Show Names", true); }')
    said = check()
    assert said.returncode == 1
    assert "rviz_default_plugins/TF: no property 'Show Axes'" in said.stdout
    assert "no property 'Show Names'" not in said.stdout
    assert "rviz_default_plugins/Image: no such class" in said.stdout

"""1280x720 between two processes: with config/fastdds.xml they arrive, without it the diagnosis names the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spp_sorter.ros import launching

ROOT = Path(__file__).resolve().parent.parent
FRAMES = 150

CAMERA = f"""
import sys, time, numpy as np, rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from spp_sorter.ros import messages
rclpy.init()
node = Node("camera")
publisher = node.create_publisher(Image, "image", qos_profile_sensor_data)
while not publisher.get_subscription_count():
    time.sleep(0.01)
time.sleep(0.5)  # both ends match at slightly different times
image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
start = time.monotonic()
for number in range({FRAMES}):
    header = messages.make_header(node.get_clock().now().nanoseconds, "camera")
    publisher.publish(messages.bgr_to_image(image, header))
    time.sleep(max(0.0, start + (number + 1) / 30 - time.monotonic()))
sys.stdin.read()  # stay until the listener has what came
"""

LISTENER = f"""
import json, time, rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from spp_sorter.ros.health import Health
from spp_sorter.ros.transport import TopicWatch
rclpy.init()
node = Node("listener")
health, watches = Health(), []

def take(message, info):
    watches[0].heard()
    health.received(info["publication_sequence_number"], info.get("publisher_gid", {{}}).get("data", b""))

subscription = node.create_subscription(Image, "image", take, qos_profile_sensor_data)
watches.append(TopicWatch(node, "image", [subscription], True))
executor = SingleThreadedExecutor()
executor.add_node(node)
end, report, matched = time.monotonic() + 60, watches[0].report(), None
while time.monotonic() < end and not (report.status and report.status.name == "image_silent"):
    executor.spin_once(timeout_sec=0.1)
    report = watches[0].report()
    if matched is None and report.publishers:
        matched = time.monotonic()
    if report.messages == {FRAMES}:
        break
print(json.dumps({{
    "messages": report.messages,
    "lost": health.snapshot().lost,
    "status": report.status.message if report.status else "",
    "seconds": time.monotonic() - matched,
}}))
"""


def transmit(with_profile: bool) -> dict:
    environment = {k: v for k, v in os.environ.items() if "PROFILES_FILE" not in k and "FASTDDS" not in k}
    if with_profile:
        environment.update(launching.large_frame_environment(environment))
    pipe = subprocess.PIPE
    common = {"cwd": ROOT, "env": environment, "text": True, "stderr": pipe, "stdout": pipe}
    with (
        subprocess.Popen([sys.executable, "-c", CAMERA], stdin=pipe, **common) as camera,
        subprocess.Popen([sys.executable, "-c", LISTENER], **common) as listener,
    ):
        heard, complaints = listener.communicate(timeout=120)
        _, more = camera.communicate(timeout=30)
    assert complaints + more == "", "a profile that does not load is complained about here"
    return json.loads(heard)


def test_large_frames_arrive_with_the_profile() -> None:
    heard = transmit(with_profile=True)
    assert heard["messages"] >= 0.99 * FRAMES
    assert heard["lost"] <= 0.01 * FRAMES


def test_large_frames_are_missed_aloud_without_it() -> None:
    heard = transmit(with_profile=False)
    if heard["messages"] == FRAMES:
        pytest.skip("this middleware carries large frames without a profile")
    assert "fastdds.xml" in heard["status"]
    assert "AND" in heard["status"]
    if not heard["messages"]:
        assert heard["seconds"] < 3.0

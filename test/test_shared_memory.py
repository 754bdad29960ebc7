"""Fast DDS's segments in /dev/shm: cleared up after a process that was killed, left alone while their owner lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from spp_sorter.ros.processes import Processes
from spp_sorter.ros.shared_memory import FOLDER, clear, segments_of

PARTICIPANT = (
    "import rclpy, time; rclpy.init(); node = rclpy.create_node('held'); print('up', flush=True); time.sleep(600)"
)


def there(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if (FOLDER / name).exists())


@pytest.fixture
def killed() -> frozenset[str]:
    """Segments that a killed participant had open."""
    process = subprocess.Popen([sys.executable, "-c", PARTICIPANT], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    names = segments_of(process.pid)
    process.kill()
    process.communicate()
    return names


def test_what_a_killed_process_leaves_is_removed_and_what_lives_is_kept(killed: frozenset[str]) -> None:
    assert there(killed), "a killed participant leaves its segment"
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("living", context=context)
    try:
        living = there(segments_of_this_process())
        assert living
        gone = clear(killed | living)
        assert gone and not there(frozenset(gone))
        assert there(living) == living
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert clear(killed) == []


def segments_of_this_process() -> frozenset[str]:
    return segments_of(os.getpid())


def test_a_process_without_segments_or_that_is_gone_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert segments_of(process.pid) == frozenset()
    assert segments_of(process.pid) == frozenset()


def test_processes_clear_up_after_one_that_they_kill(tmp_path: Path) -> None:
    module = tmp_path / "held_participant.py"
    module.write_text(PARTICIPANT, encoding="utf-8")
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with Processes(tmp_path, {**os.environ, "PYTHONPATH": path}) as all_of_them:
        all_of_them.start("held", "held_participant", [])
        (child,) = all_of_them.children
        while "up" not in child.log.read_text("utf-8"):
            all_of_them.check()
        names = segments_of(child.process.pid)
        assert there(names)
        all_of_them.kill(child)
        assert all_of_them.children == []
        assert not any((FOLDER / name).exists() and clear(frozenset({name})) for name in names)

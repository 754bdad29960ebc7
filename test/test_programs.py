"""Programs: how they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from spp_sorter.ros.programs import run_node

ROOT = Path(__file__).resolve().parent.parent
SLOW_TO_CLOSE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell that started the tests had it ignore
from rclpy.node import Node
from spp_sorter.ros.programs import run_node

class Slow(Node):
    def __init__(self):
        super().__init__("slow")
        self.create_timer(0.1, lambda: print("up", flush=True))

    def destroy_node(self):
        print("closing", flush=True)
        time.sleep(1.0)
        super().destroy_node()
        print("closed", flush=True)

sys.exit(run_node("slow", Slow, (ValueError,), None))
"""

STUCK = """
import ctypes, threading
from spp_sorter.ros.signals import end_on_signals
ending = end_on_signals()
print("up", flush=True)
ending.wait()
ctypes.PyDLL(None).sleep(60)  # with Python's lock
"""


def test_a_process_whose_native_code_keeps_pythons_lock_still_ends_and_says_where() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 2.0
    assert process.returncode == 0
    assert "line 7" in err


HANGING = """
import ctypes, sys, time
from spp_sorter.ros.last_resort import must_end_within
with must_end_within(0.3, 3):
    pass
time.sleep(0.6)
print("went on", flush=True)
with must_end_within(0.5, 3):
    ctypes.PyDLL(None).sleep(60)  # with Python's lock
"""


def test_a_block_that_hangs_ends_the_process_and_one_that_does_not_leaves_it_alone() -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", HANGING], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert time.monotonic() - started < 10.0
    assert (done.returncode, done.stdout) == (3, "went on\n")
    assert done.stderr.count("line 9") == 1 and "line 5" not in done.stderr


def test_a_second_interrupt_while_the_node_closes_changes_nothing() -> None:
    command = [sys.executable, "-c", SLOW_TO_CLOSE]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        while process.stdout.readline() == "up\n":
            pass
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "closed\n", "")


@pytest.mark.parametrize("signalled", [True, False])
def test_an_error_of_rclpy_counts_only_while_the_context_lives(
    signalled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(node: Node) -> None:
        if signalled:
            node.context.shutdown()
        raise RuntimeError("failed to initialize wait set")

    monkeypatch.setattr(rclpy, "spin", spin)
    if signalled:
        assert run_node("plain", lambda: Node("plain"), (ValueError,), []) == 0
    else:
        with pytest.raises(RuntimeError, match="wait set"):
            run_node("plain", lambda: Node("plain"), (ValueError,), [])

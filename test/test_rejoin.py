"""A node that others have lost while its process stood still joins the graph anew.

Fast DDS takes a process that stands still for dead; its peers then make its port in shared memory anew. When that goes
wrong (https://github.com/eProsima/Fast-DDS/issues/5469), they write into a port that the node does not read. Here it is
made to go wrong: the port that a peer has made is taken away before the node goes on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_cell import Peer, picture, random_checkpoint, start_process, values_of
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter

NAMESPACE = "/cut_off"
SHARED_MEMORY = Path("/dev/shm")
PORT = re.compile(r"(fast(?:dds|rtps)_port(\d+))_el")
ATTEMPTS = 8
"""Now and then the two find each other again by themselves."""

FIRST_USER_PORT = 7400
"""Lower ones are for discovery."""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    checkpoint = random_checkpoint(tmp_path / "random.pt")
    process = start_process(checkpoint, tmp_path, "-r", f"__ns:={NAMESPACE}", "-p", "detector.score_thresh:=0.25")
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer(NAMESPACE)
    yield peer
    peer.close()


def stream(peer: Peer, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        peer.send(picture((48, 64)))
        time.sleep(0.05)


def ports_of(pid: int) -> set[str]:
    """The ports where a process reads messages: it holds the locks beside them."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            match = PORT.search(str(descriptor.readlink()))
        except OSError:
            continue
        if match and int(match.group(2)) >= FIRST_USER_PORT:
            found.add(match.group(1))
    return found


def shown(pid: int, name: str) -> bool:
    """Whether a process has a port mapped."""
    return f"{name}\n" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def stand_still_until_lost(process: subprocess.Popen[str], peer: Peer) -> None:
    """Stop the process until this one has made its port anew, and take that away."""
    names = {name for name in ports_of(process.pid) if shown(os.getpid(), name)}
    assert names, "nothing is sent through shared memory"
    process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 30.0
    while any(shown(process.pid, name) for name in names):
        assert time.monotonic() < end, "no peer has made the ports of the stopped process anew"
        stream(peer, 0.2)
    stream(peer, 0.5)
    for name in names:
        (SHARED_MEMORY / name).unlink(missing_ok=True)
    process.send_signal(signal.SIGCONT)


def stream_until_answered(peer: Peer, within_s: float = 20.0) -> None:
    end, answered = time.monotonic() + within_s, len(peer.got["detections"])
    while len(peer.got["detections"]) < answered + 5:
        assert time.monotonic() < end, "nothing is answered any more"
        stream(peer, 0.2)


def received(peer: Peer) -> int:
    return int(values_of(peer.diagnosis("frames", lambda _: True))["received"])


def test_a_node_that_others_have_lost_joins_the_graph_anew(process: subprocess.Popen[str], peer: Peer) -> None:
    peer.until(peer.image.get_subscription_count, "the node in its process", 150)
    peer.ready()
    set_client = peer.node.create_client(SetParameters, f"{peer.name}/set_parameters")
    get_client = peer.node.create_client(GetParameters, f"{peer.name}/get_parameters")
    change = [Parameter("picking.min_views", value=7).to_parameter_msg()]
    assert peer.call(set_client, SetParameters.Request(parameters=change)).results[0].successful
    stream(peer, 2.0)
    before = received(peer)
    heard = len(peer.got["pick_targets"])

    for _ in range(ATTEMPTS):
        stand_still_until_lost(process, peer)
        stream_until_answered(peer)
        status = peer.diagnosis("transport", lambda s: "rejoins" in values_of(s))
        if values_of(status)["rejoins"] != "0":
            break
        stream(peer, 2.0)
    assert values_of(status)["rejoins"] == "1"
    assert "stood still" in values_of(status)["rejoined"]
    assert received(peer) > before, "the counts begin anew"
    kept = peer.call(get_client, GetParameters.Request(names=["picking.min_views", "detector.score_thresh"]))
    assert [kept.values[0].integer_value, kept.values[1].double_value] == [7, 0.25]
    assert any(not each.detections for each in peer.got["pick_targets"][heard:]), "no list has taken the picks back"

    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert "joined it anew" in output
    assert output.count("checkpoint: sha256") == 1, "the model was loaded again"
    assert "already registered" not in output, "the old node was still there"
    assert "Traceback" not in output

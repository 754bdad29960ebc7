"""Child processes: watched while they run, and gone afterwards whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spp_sorter.ros.process_size import process_size
from spp_sorter.ros.processes import ProcessError, Processes

ENVIRONMENT = dict(os.environ)


def module(folder: Path, name: str, source: str) -> str:
    (folder / f"{name}.py").write_text(source)
    return name


def children(folder: Path, patience_s: float = 5.0) -> Processes:
    return Processes(folder / "log", {**ENVIRONMENT, "PYTHONPATH": str(folder)}, patience_s)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_polite_process_is_asked_to_end(tmp_path: Path) -> None:
    source = (
        "import time\ntry:\n    print('up', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n"
        "    print('bye')\n"
    )
    with children(tmp_path) as processes:
        processes.start("polite", module(tmp_path, "polite", source), [])
        log = processes.children[0].log
        assert wait_for(lambda: "up" in log.read_text())
        processes.check()
    assert "bye" in log.read_text()


def test_a_stubborn_process_and_its_children_are_killed(tmp_path: Path) -> None:
    source = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    with children(tmp_path, patience_s=0.3) as processes:
        processes.start("stubborn", module(tmp_path, "stubborn", source), [])
        child = processes.children[0]
        assert wait_for(lambda: child.log.read_text().strip())
        grandchild = int(child.log.read_text())
    assert child.process.returncode == -signal.SIGKILL
    assert wait_for(lambda: not is_alive(grandchild))


def test_the_end_of_a_dead_processs_log_is_told(tmp_path: Path) -> None:
    source = "print('first line')\nraise SystemExit('the disk is on fire')\n"
    with children(tmp_path) as processes:
        processes.start("doomed", module(tmp_path, "doomed", source), [])
        processes.children[0].process.wait(10.0)
        with pytest.raises(ProcessError, match=r"doomed ended with code 1(.|\n)*first line\n  the disk is on fire"):
            processes.check()


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    module(tmp_path, "sleeper", "import time\ntime.sleep(60)\n")
    parent = (
        "import os, sys, time\nfrom pathlib import Path\nfrom spp_sorter.ros.processes import Processes\n"
        f"processes = Processes(Path({str(tmp_path)!r}), {{**os.environ, 'PYTHONPATH': {str(tmp_path)!r}}})\n"
        "processes.start('sleeper', 'sleeper', [])\n"
        "print(processes.children[0].process.pid, flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert is_alive(child)
    process.kill()
    process.wait()
    assert wait_for(lambda: not is_alive(child))


def test_the_size_of_a_process_is_told_by_kind(tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(bytes(40 << 20))
    # A process of its own: this one may keep freed memory, and a large array would find room in that.
    child = (
        "import os, sys\nimport numpy as np\nfrom spp_sorter.ros.process_size import process_size\n"
        "before = process_size(os.getpid())\nown = np.ones(60 << 20, np.uint8)\n"
        "mapped = np.memmap(sys.argv[1], np.uint8, 'r')\n"
        "assert own.sum() == own.size and mapped.sum() == 0\n"
        "print(*(np.subtract(process_size(os.getpid()), before) / 2**20))\n"
    )
    told = subprocess.run([sys.executable, "-c", child, tmp_path / "pages"], capture_output=True, text=True, check=True)
    grown = [float(word) for word in told.stdout.split()]
    assert grown[0] == pytest.approx(100, abs=15), "what is in memory"
    assert grown[1] == pytest.approx(60, abs=10), "its own, without pages of files"
    with (tmp_path / "open").open("w"):
        open_files = process_size(os.getpid()).open_files
    assert open_files == process_size(os.getpid()).open_files + 1
    assert process_size(os.getpid()).threads == len(list(Path("/proc/self/task").iterdir()))
    with pytest.raises(OSError):
        process_size(1 << 30)

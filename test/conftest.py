"""What every test runs under: its own corner of DDS, few threads, and hypothesis without deadlines."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

GRAPH = "graph"
"""The group of tests with nodes and processes that must be in time: one after the other, at full priority."""

_GRAPH_FILE = re.compile(
    r"^import rclpy|node_cell|Popen|spp_sorter\.ros(\.| import )(processes|demo|soak)", re.MULTILINE
)

# Nothing of a robot that the shell points at: tests neither hear nor move it. Child processes inherit all this.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read once, when numpy or torch is imported

if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels for a GPU run on the CPU, where there is none

_BEGUN = pytest.StashKey[bool]()

settings.register_profile("spp_sorter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spp_sorter")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and hold OpenCV to one thread."""
    config.addinivalue_line("markers", "gpu: runs on a CUDA GPU; skipped, and said so, where there is none")
    import cv2

    cv2.setNumThreads(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Groups of files for processes that run side by side: pytest-xdist 3.8 misses its own marks under pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group_of(config.rootpath / nodeid.partition("::")[0])

    return Groups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A process that does not begin with the tests that measure time gives way to the one that does."""
    begun = item.session.stash.setdefault(_BEGUN, False)
    item.session.stash[_BEGUN] = True
    if not begun and "PYTEST_XDIST_WORKER" in os.environ and _group_of(item.path) != GRAPH:
        os.nice(10)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with nodes first; skip what needs a GPU where there is none."""
    # Processes take groups in this order (--no-loadscope-reorder), so that one begins with the longest.
    items.sort(key=lambda item: _group_of(item.path) != GRAPH)
    needing = [item for item in items if item.get_closest_marker("gpu")]
    if not needing:
        return
    import torch

    if not torch.cuda.is_available():
        for item in needing:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU, and torch sees none"))


@lru_cache
def _group_of(path: Path) -> str:
    """A file's tests share its fixtures; those of all files that talk to nodes share the machine's time."""
    return GRAPH if _GRAPH_FILE.search(path.read_text(encoding="utf-8")) else path.stem

"""What every test runs under: its own corner of DDS, few threads, and hypothesis without deadlines."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

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

FIRST_WORKER = "gw0"

settings.register_profile("spp_sorter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spp_sorter")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and hold OpenCV to one thread."""
    config.addinivalue_line("markers", "gpu: runs on a CUDA GPU; skipped, and said so, where there is none")
    config.addinivalue_line("markers", "xdist_group(name): tests of one group run in one process, in their order")
    if os.environ.get("PYTEST_XDIST_WORKER", FIRST_WORKER) != FIRST_WORKER:
        os.nice(10)  # the first worker runs the tests that measure time
    import cv2

    cv2.setNumThreads(1)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for processes that run them side by side; skip what needs a GPU where there is none."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group_of(item.path)))
    # Workers take groups in this order (with --no-loadscope-reorder), so that the first one takes the longest.
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

"""What every test runs under: its own corner of DDS, few threads, and hypothesis without deadlines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Nothing of a robot that the shell points at: tests neither hear nor move it. Child processes inherit all this.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read once, when numpy or torch is imported

if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels for a GPU run on the CPU, where there is none

settings.register_profile("spp_sorter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spp_sorter")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and hold OpenCV to one thread."""
    config.addinivalue_line("markers", "gpu: runs on a CUDA GPU; skipped, and said so, where there is none")
    import cv2

    cv2.setNumThreads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    needing = [item for item in items if item.get_closest_marker("gpu")]
    if not needing:
        return
    import torch

    if not torch.cuda.is_available():
        for item in needing:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU, and torch sees none"))

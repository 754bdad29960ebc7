"""Freed memory stays with the process until it is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
from spp_sorter.network.allocator import keep_freed_memory
import numpy as np
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [np.ones(1 << 20, np.uint8) for _ in range(8)]
        del blocks
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 50
faults()
print(faults())
"""


def faults_a_round(mode: str) -> float:
    done = subprocess.run([sys.executable, "-c", CODE, mode], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_large_blocks_cost_no_page_faults_the_second_time() -> None:
    assert faults_a_round("kept") < 20.0  # a round has 8 MiB, that is 2048 pages


GIVE_BACK = """
import os, sys
from spp_sorter.network.allocator import give_back_freed_memory, keep_freed_memory
import numpy as np
if not keep_freed_memory():
    sys.exit(3)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
class Holder:
    def __init__(self):
        self.blocks, self.me = [np.ones(1 << 20, np.uint8) for _ in range(256)], self
Holder()
before = resident()
give_back_freed_memory()
print(before - resident())
"""


def test_freed_memory_is_given_back_on_request_even_that_of_cycles() -> None:
    done = subprocess.run([sys.executable, "-c", GIVE_BACK], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 200.0  # of 256 MiB

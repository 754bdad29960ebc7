"""The simulated cell's settings: one truth for the camera node, the demo, the benchmark and the launch file."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from types import ModuleType

import pytest

from spp_sorter.ros import benchmark_node, demo
from spp_sorter.ros.cell import CellSettings

LAUNCH = Path(__file__).resolve().parents[1] / "launch" / "demo.launch.py"


@pytest.mark.parametrize("verb", [demo, benchmark_node])
def test_verbs_show_the_cell_of_the_camera_node(verb: ModuleType) -> None:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    given, cell = parser.parse_args([]), CellSettings()
    assert given.size == f"{cell.width}x{cell.height}"
    shared = {"density", "fps", "seed", "speed", "depth"} & set(vars(given))
    assert {"density", "fps"} <= shared
    assert {name: getattr(given, name) for name in shared} == {name: getattr(cell, name) for name in shared}


def test_the_launch_file_shows_it_too() -> None:
    (table,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(LAUNCH.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CELL_ARGUMENTS"
    )
    cell = CellSettings()
    for name, (default, _) in table.items():
        own = getattr(cell, name)
        assert type(own)(ast.literal_eval(default.capitalize()) if isinstance(own, bool) else default) == own, name

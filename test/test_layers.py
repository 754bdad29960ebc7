"""The house: a file imports only from floors below its own and from its own room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = "spp_sorter"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE
FLOORS = {
    PACKAGE: -1,  # the package's own __init__.py: everybody may read its version, it imports nobody
    **dict.fromkeys(("values", "config", "untrusted"), 0),
    "geometry": 1,
    **dict.fromkeys(("network", "picking", "simulation"), 2),
    **dict.fromkeys(("detector", "evaluation"), 3),
    **dict.fromkeys(("sorting", "drawing"), 4),
    **dict.fromkeys(("learning", "lecture"), 5),
    "ros": 6,
    "cli": 7,
}
ROS_MODULES = re.compile(r"(rclpy|cv_bridge|tf2_ros|tf2_py|ament_index_python|\w+_msgs|\w+_srvs|\w+_interfaces)$")
TORCH_MODULES = ("torch", "torchvision", "timm")
TORCH_FREE_ROOMS = ("geometry", "picking", "simulation")
TORCH_FREE_FILES = ("ros/messages.py",)


def module_of(path: str) -> str:
    """The dotted name of a file, given its path inside the package: ``ros/x.py`` is ``spp_sorter.ros.x``."""
    parts = [PACKAGE, *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room that a module of the package lies in; the package itself for its own ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def imports_of(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that a file imports, anywhere in it."""
    package = module_of(path).split(".") if path.endswith("__init__.py") else module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def imported_room(name: str) -> str | None:
    """The room that an imported name leads to, None for other packages."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    if len(parts) == 2 and parts[1] not in FLOORS and not is_module(parts[1]):
        return PACKAGE  # a value of the package's own __init__, such as its version
    return room_of(name)


def is_module(name: str) -> bool:
    """Whether the package holds a file or folder of this name."""
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()


def violations(sources: Mapping[str, str]) -> list[str]:
    """One line for every import that breaks the house, for files given as path inside the package -> source."""
    found = []
    for path, source in sorted(sources.items()):
        room = room_of(module_of(path))
        if room not in FLOORS:
            found.append(f"{path}: has no floor; give '{room}' one")
            continue
        for line, name in imports_of(path, source):
            target, top = imported_room(name), name.split(".")[0]
            if target is not None and target != room and FLOORS.get(target, 99) >= FLOORS[room]:
                found.append(f"{path}:{line}: {room} (floor {FLOORS[room]}) imports {name}")
            if ROS_MODULES.match(top) and room != "ros":
                found.append(f"{path}:{line}: {name} belongs to ros/")
    for path in sorted(sources):
        if path in TORCH_FREE_FILES or room_of(module_of(path)) in TORCH_FREE_ROOMS:
            found += [f"{path}: needs torch, by way of {way}" for way in ways_to_torch(path, sources)]
    return found


def ways_to_torch(start: str, sources: Mapping[str, str]) -> list[str]:
    """The files and lines through which ``start`` needs torch, over any number of files between."""
    files = {module_of(path): path for path in sources}
    seen, waiting, found = {start}, [start], []
    while waiting:
        path = waiting.pop()
        for line, name in imports_of(path, sources[path]):
            if name.split(".")[0] in TORCH_MODULES:
                found.append(f"{path}:{line}")
            target = files.get(name) or files.get(name.rpartition(".")[0])
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return found


def test_house() -> None:
    """Every file of the package keeps to its floor."""
    sources = {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.rglob("*.py")}
    assert len(sources) > 10
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("geometry/camera.py", "from spp_sorter.picking import tracker"),
        ("geometry/camera.py", "def late():\n    import spp_sorter.network.spp"),
        ("geometry/camera.py", "from spp_sorter import detector"),
        ("geometry/camera.py", "from .. import sorting"),
        ("geometry/camera.py", "from ..ros.messages import stamp_to_ns"),
        ("geometry/__init__.py", "from ..network import spp"),
        ("geometry/camera.py", "import importlib\nimportlib.import_module('spp_sorter.ros')"),
        (
            "geometry/camera.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from spp_sorter.cli import main",
        ),
        ("picking/tracker.py", "from spp_sorter.simulation.arm import Arm"),
        ("network/spp.py", "from spp_sorter.picking import grasp"),
        ("evaluation/metrics.py", "from spp_sorter.detector import Detector"),
        ("sorting.py", "from spp_sorter import drawing"),
        ("values.py", "from spp_sorter.config import Config"),
        ("__init__.py", "from spp_sorter.values import Frame"),
        ("learning/train.py", "from spp_sorter.lecture import rcnn"),
        ("ros/replay.py", "from spp_sorter.cli import main"),
        ("cellar/wine.py", "import math"),
        ("sorting.py", "import rclpy"),
        ("sorting.py", "from vision_msgs.msg import Detection2DArray"),
        ("learning/train.py", "def late():\n    from rcl_interfaces.msg import Log"),
        ("drawing.py", "import cv_bridge"),
        ("picking/tracker.py", "import torch"),
        ("simulation/arm.py", "def late():\n    from torch import nn"),
        ("ros/messages.py", "import torchvision.ops"),
    ],
)
def test_breach_is_found(path: str, source: str) -> None:
    assert len(violations({path: source})) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("picking/tracker.py", "from spp_sorter.geometry.belt import BeltMotion\nfrom .grasp import grasp_of"),
        ("picking/tracker.py", "import numpy as np\nfrom . import grasp\nfrom ..values import Track"),
        ("picking/__init__.py", "from .tracker import Tracker"),
        ("detector.py", "import torch\nfrom spp_sorter.network.model import build_model"),
        ("ros/sorter_node.py", "import rclpy\nfrom spp_sorter import sorting, __version__"),
        ("cli.py", "def demo():\n    from spp_sorter.ros import demo"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert violations({path: source}) == []


def test_torch_is_found_behind_another_file() -> None:
    sources = {
        "ros/messages.py": "from spp_sorter.ros import images",
        "ros/images.py": "from spp_sorter.detector import Detector",
        "detector.py": "import torch",
    }
    assert violations(sources) == ["ros/messages.py: needs torch, by way of detector.py:1"]

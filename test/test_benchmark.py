"""``spp_sorter benchmark``: every kind is found, lazily, and what needs no ROS runs without it."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest
from test_cli import python

from spp_sorter import cli
from spp_sorter.ros import benchmark

WITHOUT_ROS = ("detector", "spp", "peers", "tracking")


def is_there(kind: str) -> bool:
    return importlib.util.find_spec(benchmark.KINDS[kind][0]) is not None


@pytest.mark.parametrize("kind", [kind for kind in benchmark.KINDS if is_there(kind)])
def test_every_kind_has_help_and_takes_a_file_for_its_figures(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(["benchmark", kind, "--help"])
    assert exited.value.code == 0
    text = capsys.readouterr().out
    assert f"spp_sorter benchmark {kind}" in text
    assert text.count("--json") >= 1


def test_help_names_every_kind_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["benchmark", "--help"])
    text = capsys.readouterr().out
    assert all(f"    {kind}" in text for kind in benchmark.KINDS)


def test_a_kind_runs_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    module = types.ModuleType("spp_sorter_test_kind")
    module.add_arguments = lambda parser: parser.add_argument("--size", type=int)  # type: ignore[attr-defined]
    module.run = lambda args: seen.append((args.size, args.json)) or 3  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(benchmark.KINDS, "mine", (module.__name__, "mine"))
    assert cli.main(["benchmark", "mine", "--size", "7", "--json", "figures.json"]) == 3
    assert seen == [(7, Path("figures.json"))]


@pytest.mark.parametrize("kind", [kind for kind in WITHOUT_ROS if is_there(kind)])
def test_what_needs_no_ros_runs_without_it(kind: str) -> None:
    blocked = python(
        "import sys\n"
        "class NoRos:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('rclpy', 'rosbags', 'sensor_msgs', 'vision_msgs', 'std_msgs'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
        f"from spp_sorter import cli\nsys.exit(cli.main(['benchmark', {kind!r}, '--help']))"
    )
    assert blocked.returncode == 0, blocked.stderr

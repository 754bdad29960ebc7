"""The command line: quick, lazy, and clear about mistakes."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spp_sorter import cli

ROOT = Path(__file__).resolve().parents[1]


def python(code: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def test_help_names_every_verb_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(["--help"])
    assert exited.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {verb}" in text for verb in cli.VERBS)
    heavy = python(
        "import sys\nfrom spp_sorter import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'rclpy', 'cv2', 'numpy', 'rosbags'} & set(sys.modules)))"
    )
    assert heavy.stdout.splitlines()[-1] == "[]"


def test_help_is_quick() -> None:
    took = []
    for _ in range(3):
        started = time.perf_counter()
        assert python("from spp_sorter import cli; cli.main(['--help'])").returncode == 0
        took.append(time.perf_counter() - started)
    assert min(took) < 1.0


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help_with_its_own_arguments(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main([verb, "--help"])
    assert exited.value.code == 0
    text = capsys.readouterr().out
    assert f"spp_sorter {verb}" in text
    assert text.count("  --") >= 2 or "KIND" in text  # a kind has its own
    assert callable(importlib.import_module(cli.VERBS[verb].module).run)


@pytest.mark.parametrize("verb", ["train", "evaluate", "scenes"])
def test_learning_needs_no_ros(verb: str) -> None:
    blocked = python(
        "import sys\n"
        "class NoRos:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('rclpy', 'rosbags', 'sensor_msgs', 'vision_msgs', 'std_msgs'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
        f"from spp_sorter import cli\nsys.exit(cli.main([{verb!r}, '--help']))"
    )
    assert blocked.returncode == 0, blocked.stderr


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("rclpy", ["replay"]),
        ("sensor_msgs", ["pack"]),
        ("torch", ["train", "--out", "/tmp/spp_sorter_test_train"]),
        ("rosbags", ["replay", "/", "--out", "/tmp/x"]),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(missing: str, words: list[str]) -> None:
    blocked = python(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] == {missing!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        f"from spp_sorter import cli\nsys.exit(cli.main({words!r}))"
    )
    assert blocked.returncode == cli.EXIT_USER_ERROR, blocked.stderr
    assert f"'{missing}'" in blocked.stderr
    assert "install" in blocked.stderr
    assert "Traceback" not in blocked.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["replay", "/no/such/bag", "--out", "/tmp/x"], "'/no/such/bag' does not exist"),
        (["replay", "/", "--out", "/tmp/x", "--set", "belt.spede=1"], "parameter 'belt.spede' is unknown"),
        (["replay", "/", "--out", "/tmp/x", "--set", "belt.speed=fast"], "parameter 'belt.speed' is 'fast'"),
        (["pack", "/no/such/folder", "--out", "/tmp/x"], "'/no/such/folder' is no folder"),
        (["demo", "--size", "big"], "--size is 'big'"),
        (["demo", "--fps", "-3"], "parameter 'fps' is -3"),
        (["demo", "--duration", "0"], "--duration is 0"),
        (["demo", "--model", "/no/such.pt"], "--model is '/no/such.pt'"),
    ],
)
def test_a_mistake_of_the_user_is_one_line_and_code_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == cli.EXIT_USER_ERROR
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith(f"spp_sorter {words[0]}: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["fly"], ["pack"], ["replay", "bag", "--out", "x", "--nonsense"]])
def test_what_argparse_refuses_is_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(words)
    assert exited.value.code == cli.EXIT_USER_ERROR
    assert "usage: spp_sorter" in capsys.readouterr().err


def test_the_trace_of_an_error_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPP_SORTER_TRACEBACK", "1")
    with pytest.raises(ValueError, match="no folder"):
        cli.main(["pack", "/no/such/folder", "--out", "/tmp/x"])


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("spp_sorter.ros.pack.run", interrupt)
    assert cli.main(["pack", "x", "--out", "y"]) == cli.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "spp_sorter: interrupted\n"

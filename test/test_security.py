"""Nothing in a file, bag or parameter is executed, fetched or allowed to fill the memory."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import socket
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from spp_sorter.detector import DEFAULT_CHECKPOINT, Detector
from spp_sorter.evaluation.datasets import DatasetError, LabelMap, check_dataset
from spp_sorter.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.untrusted import (
    MAX_YAML_BYTES,
    UntrustedError,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    read_text,
)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from fuzz import fuzz  # noqa: E402
from fuzz_targets import TARGETS  # noqa: E402

BOMB = "<!DOCTYPE a [{}]><annotation>&e9;</annotation>"
LAUGHS = '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_and_nothing_else_happens(name: str) -> None:
    """A short run; ``tools/fuzz.py`` runs for as long as one likes."""
    outcome = fuzz(TARGETS[name](), seed=1, cases=12 if name == "checkpoint" else 120, seconds=20.0)
    assert not outcome.findings, next(iter(outcome.findings.values()))
    assert outcome.refused or name not in ("messages", "labels", "parameters", "checkpoint", "untrusted")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_of_xml_are_refused_at_once(tmp_path: Path, encoding: str) -> None:
    started = time.monotonic()
    for text in (BOMB.format(LAUGHS), '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'):
        with pytest.raises(UntrustedError, match="document type"):
            parse_xml(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
        (tmp_path / "a.xml").write_bytes(text.encode("utf-8"))
        (problem,) = (each for each in check_dataset(tmp_path) if each.kind == "malformed" and "XML" in each.message)
        assert "DOCTYPE" in problem.message
    assert time.monotonic() - started < 5.0


def test_aliases_depth_and_tags_of_yaml_are_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]\n" for n in range(20)
    )
    for text in (
        bomb,
        "[" * 1000,
        "a: !!python/object/apply:os.system ['true']",
        "a: 2024-99-99",
        "? [a]\n: b",
        "\x00",
    ):
        with pytest.raises(UntrustedError):
            parse_yaml(text)
    file = tmp_path / "map.yaml"
    file.write_text("categories: {[a, b]: compost}\n")
    with pytest.raises(DatasetError, match="line 1"):
        LabelMap.read(file)
    file.write_text("x" * (MAX_YAML_BYTES + 1))
    with pytest.raises(DatasetError, match="limit"):
        LabelMap.read(file)
    assert parse_yaml("a: {b: [1, 2.5, 'x']}") == {"a": {"b": [1, 2.5, "x"]}}


def test_json_that_is_deep_or_endless_is_refused() -> None:
    for text in ("[" * 200_000, "9" * 5000, "{", "\ud800"):
        with pytest.raises(UntrustedError):
            parse_json(text)


def test_what_is_no_regular_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path, tmp_path / "none", tmp_path / ("x" * 5000), Path("a\x00b")):
        with pytest.raises(UntrustedError):
            read_bytes(path)
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(UntrustedError, match="limit"):
        read_text(tmp_path / "large", 10)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = SppNetwork(NetworkConfig(channels=16, hidden=16), imagenet=False)
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict()), path)
    return path


def test_a_pinned_checkpoint_is_that_one_or_none(small: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    assert Detector(small, device="cpu", sha256=digest.upper()).checkpoint.sha256 == digest
    other = tmp_path / "other.pt"
    other.write_bytes(small.read_bytes() + b"\x00")
    with pytest.raises(CheckpointError, match=rf"model\.sha256 allows {digest}"):
        Detector(other, device="cpu", sha256=digest)


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": "hf-hub:somebody/model"},
        {"backbone": "local-dir:/tmp"},
        {"backbone": 7},
        {"backbone": "no_such_model"},
        {"channels": 10**9},
        {"channels": -4},
        {"channels": 16.0},
        {"hidden": 8192, "channels": 8192},
        {"levels": (4,) * 5000},
        {"labels": ("x" * 1000, "y")},
        {"long_side": 2**40},
        {"strides": ()},
    ],
)
def test_shapes_that_no_network_has_are_refused_before_they_are_made(
    small: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    content = torch.load(small, weights_only=True)
    path = tmp_path / "odd.pt"
    as_stored = {key: list(value) if isinstance(value, tuple) else value for key, value in change.items()}
    torch.save({**content, "config": {**content["config"], **as_stored}}, path)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "value", [torch.zeros(1).expand(1 << 40), torch.full((16,), float("inf")), torch.eye(3).to_sparse(), "text", None]
)
def test_weights_that_are_none_are_refused(small: Path, tmp_path: Path, value: object) -> None:
    content = torch.load(small, weights_only=True)
    name = next(key for key, weight in content["weights"].items() if weight.shape == (16,))
    torch.save({**content, "weights": {**content["weights"], name: value}}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "odd.pt")


def test_archives_that_grow_are_refused(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(small) as sound, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for entry in sound.infolist():
            bomb.writestr(entry.filename, sound.read(entry))
    with pytest.raises(CheckpointError, match="compressed"):
        load_checkpoint(path)
    path.write_bytes(b"\x80\x02}q\x00.")  # a pickle of the old format, outside an archive
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_the_network_is_never_asked_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    detector = Detector(device="cpu")
    detector.detect(np.zeros((48, 64, 3), np.uint8))
    SppNetwork(NetworkConfig(), imagenet=True)  # the ImageNet weights lie in an installed package


FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__")
FORBIDDEN_IMPORTS = ("pickle", "shelve", "marshal", "socket", "http", "urllib", "requests", "ftplib", "smtplib", "dill")


def test_the_source_evaluates_nothing_and_knows_no_network() -> None:
    found = []
    for path in sorted((ROOT / "spp_sorter").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = [node.func.id] if node.func.id in FORBIDDEN_CALLS else []
            elif isinstance(node, ast.Import):
                names = [a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_IMPORTS]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module] if node.module.split(".")[0] in FORBIDDEN_IMPORTS else []
            elif isinstance(node, ast.keyword):
                value = getattr(node.value, "value", None)
                wrong = {"shell": True, "weights_only": False, "allow_pickle": True}
                names = [f"{node.arg}={value}"] if node.arg in wrong and value is wrong[node.arg] else []
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                dangerous = (("os", "system"), ("yaml", "load"), ("yaml", "unsafe_load"), ("os", "popen"))
                names = [f"{node.value.id}.{node.attr}"] if (node.value.id, node.attr) in dangerous else []
            found += [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}" for name in names]
    assert found == []


def test_every_field_of_a_checkpoint_is_covered() -> None:
    """A new field of another kind must be given a limit in ``checkpoint``."""
    assert {type(value) for value in dataclasses.asdict(NetworkConfig()).values()} <= {str, int, tuple, bool, float}
    assert load_checkpoint(DEFAULT_CHECKPOINT).sha256

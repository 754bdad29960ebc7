"""What the README says is what the project does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import parameter_table  # noqa: E402

README = (ROOT / "README.md").read_text()


def test_table_of_parameters_is_the_one_of_config() -> None:
    assert parameter_table.with_table(README) == README, "run: .venv/bin/python tools/parameter_table.py README.md"


def test_table_is_written_between_the_marks() -> None:
    text = f"before\n{parameter_table.BEGIN}\nold\n{parameter_table.END}\nafter\n"
    written = parameter_table.with_table(text)
    assert written.startswith(f"before\n{parameter_table.BEGIN}\n| parameter |")
    assert written.endswith(f"|\n{parameter_table.END}\nafter\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        parameter_table.with_table("no marks")


def test_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"\bmake ([a-z]+)\b(?!\+)", README))
    assert {"demo", "test", "robot"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_verbs_that_are_named_exist() -> None:
    from spp_sorter.cli import VERBS

    assert set(re.findall(r"\bspp_sorter (pack|replay|[a-z]+) [A-Z]", README)) <= set(VERBS)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []

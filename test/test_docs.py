"""What the pages say is what there is: links, verbs, parameters, conditions, tests, topics."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import write_reference  # noqa: E402

import spp_sorter  # noqa: E402
from spp_sorter.cli import VERBS  # noqa: E402
from spp_sorter.config import parameters  # noqa: E402
from spp_sorter.ros.benchmark import KINDS  # noqa: E402

PAGES = sorted((ROOT / "docs").glob("*.md"))
NAMES = {parameter.name for parameter in parameters()}
SECTIONS = {name.split(".")[0] for name in NAMES}


def test_reference_is_that_of_the_source() -> None:
    text, fresh = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), write_reference.page()
    remedy = "run: .venv/bin/python tools/write_reference.py"
    part = "## Conditions"
    assert text.partition(part)[0] == fresh.partition(part)[0], remedy
    names = [set(re.findall(r"^\| `([\w.<>]+)`", page.partition(part)[2], re.MULTILINE)) for page in (text, fresh)]
    assert names[0] == names[1], remedy


def test_versions_agree() -> None:
    found = {
        spp_sorter.__version__,
        *re.findall(r'version="([\d.]+)"', (ROOT / "setup.py").read_text(encoding="utf-8")),
        *re.findall(r"<version>([\d.]+)</version>", (ROOT / "package.xml").read_text(encoding="utf-8")),
    }
    assert found == {spp_sorter.__version__}
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(spp_sorter.__version__)}\]", changes, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []
    verbs = set(re.findall(r"(?<![\w./-])spp_sorter ([a-z]+)(?= [A-Z<-]| \w+ --|$)", text, re.MULTILINE))
    assert verbs - set(VERBS) - {"sorter", "demo", "replay"} == set()
    assert set(re.findall(r"spp_sorter benchmark (\w+)", text)) <= set(KINDS)
    dotted = set(re.findall(r"(?<![\w./])([a-z]+\.[a-z_0-9]+)(?=[`:= ])", text))
    files = (".pt", ".py", ".yaml")
    assert {name for name in dotted if name.split(".")[0] in SECTIONS and not name.endswith(files)} - NAMES == set()
    targets = set(re.findall(r"\bmake ([a-z]+)\b(?= *[`\n#])", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in index] == []


def test_tests_that_robustness_names_exist() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "test").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named
    assert [name for name in named if f"def {name}(" not in sources] == []
    assert [name for name in re.findall(r"`(test_\w+\.py)`", page) if not (ROOT / "test" / name).is_file()] == []


def test_policy_of_sros_names_every_topic_of_the_node() -> None:
    policy = ElementTree.parse(ROOT / "config" / "sros2_policy.xml").getroot()
    sorter = next(e for e in policy.iter("enclave") if e.get("path") == "/spp_sorter")
    allowed = {topic.text for topic in sorter.iter("topic")}
    source = (ROOT / "spp_sorter" / "ros" / "publishers.py").read_text(encoding="utf-8")
    published = set(re.findall(r'"(~/[\w/]+)"', source))
    assert {"~/pick_targets", "~/detections"} <= published <= allowed
    intake = (ROOT / "spp_sorter" / "ros" / "intake.py").read_text(encoding="utf-8")
    assert set(re.findall(r'_subscribe\(\s*"(\w+)"', intake)) <= allowed

"""Check config/sorter.rviz against RViz's own sources: `python tools/check_rviz.py FOLDER`, a checkout of ros2/rviz.

Every class must be exported by one of RViz's plugin descriptions, and every property must be made by the class, by one
of its base classes, or by a property below it. RViz ignores what it does not know, so a slip would show as an empty
window. Prints every class with its properties; test/test_rviz.py holds what was found in release 14.3 of RViz.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).resolve().parent.parent / "config" / "sorter.rviz"

OF_EVERY_DISPLAY = {"Class", "Name", "Enabled", "Value"}
"""rviz_common's display.cpp and property.cpp read these of every display."""

OPEN = {"Namespaces", "Frames", "Tree"}
"""Properties whose members are named by the data."""


class Sources:
    """What RViz's C++ says: classes, their bases, and the names that they give to properties."""

    def __init__(self, folder: Path) -> None:
        paths = [p for p in folder.rglob("*.[hc]pp") if "test" not in p.parts]
        self.texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in paths}
        if not self.texts:
            raise SystemExit(f"'{folder}' holds no C++ sources; give a checkout of https://github.com/ros2/rviz")
        self.plugins = {
            name: kind.split("::")[-1]
            for path in folder.rglob("plugins_description.xml")
            for name, kind, base in re.findall(
                r'name="([^"]+)"\s+type="([^"]+)"\s+base_class_type="([^"]+)"', path.read_text(encoding="utf-8")
            )
            if "FrameTransformer" not in base  # one of them is called TF too
        }
        # Panels of rviz_common are not in a description: panel_factory.cpp names them.
        factory = next(text for path, text in self.texts.items() if path.name == "panel_factory.cpp")
        panels = re.findall(r'addBuiltInClass\(\s*"rviz_common", "([^"]+)"', factory)
        self.plugins.update({f"rviz_common/{name}": name for name in panels})

    def bases(self, name: str) -> list[str]:
        """The class and all its bases."""
        found = [name]
        for text in self.texts.values():
            for match in re.finditer(rf"class\s+(?:[A-Z_]+_PUBLIC\s+)?{name}\b[^;{{]*?:([^{{;]*)\{{", text):
                for base in re.findall(r"public\s+(?:virtual\s+)?([\w:]+)", match[1]):
                    short = base.split("::")[-1]
                    if short not in found:
                        found.extend(item for item in self.bases(short) if item not in found)
        return found

    def properties(self, name: str) -> set[str]:
        """Names of the properties that a class or its bases make, those of nested properties among them."""
        names: set[str] = set()
        for base in self.bases(name):
            stem = re.sub(r"(?<!^)(?=[A-Z])", "_", base).lower().replace("t_f_", "tf_").lstrip("_")
            for path, text in self.texts.items():
                if path.stem == stem:
                    names |= set(re.findall(r'Property\(\s*"([^"]+)"', text))
                    if "QosProfileProperty" in text:
                        names |= self.in_file("qos_profile_property.cpp")
                    if "MarkerCommon" in text:
                        names |= self.in_file("marker_common.cpp")
        return names | (
            {"X", "Y", "Z"} if any("VectorProperty" in self.text_of(b) for b in self.bases(name)) else set()
        )

    def in_file(self, file: str) -> set[str]:
        """Names of the properties that one file makes."""
        return {n for p, t in self.texts.items() if p.name == file for n in re.findall(r'Property\(\s*"([^"]+)"', t)}

    def text_of(self, name: str) -> str:
        """All files that define members of a class."""
        return "\n".join(text for text in self.texts.values() if f"{name}::{name}(" in text)


def used(entry: dict[str, Any]) -> set[str]:
    """All property names of a display or view, nested ones included."""
    names: set[str] = set()
    for key, value in entry.items():
        names.add(key)
        if isinstance(value, dict) and key not in OPEN:
            names |= used(value)
    return names


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sources = Sources(Path(sys.argv[1]))
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    manager = content["Visualization Manager"]
    entries = [*manager["Displays"], manager["Views"]["Current"], *manager["Tools"], *content["Panels"]]
    faults = []
    for entry in entries:
        name = entry["Class"]
        if name not in sources.plugins:
            faults.append(f"{name}: no such class")
            continue
        if entry not in [*manager["Displays"], manager["Views"]["Current"]]:
            print(f"{name}: exported")
            continue
        known = sources.properties(sources.plugins[name])
        print(f"{name} ({' < '.join(sources.bases(sources.plugins[name]))}): {', '.join(sorted(known))}")
        faults += [f"{name}: no property '{item}'" for item in sorted(used(entry) - known - OF_EVERY_DISPLAY)]
    options = sources.in_file("visualization_manager.cpp")
    faults += [f"Global Options: no '{item}'" for item in manager["Global Options"] if item not in options]
    print("\n".join(faults) or "every class and property is known to RViz")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

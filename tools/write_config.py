"""Write config/sorter.yaml from the parameters in spp_sorter/config.py: `python tools/write_config.py`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from spp_sorter.config import Parameter, Value, parameters

TARGET = Path(__file__).resolve().parent.parent / "config" / "sorter.yaml"

HEAD = """\
# Every parameter of the node spp_sorter with its default. Written by tools/write_config.py from spp_sorter/config.py.
# Copy what you change into a file of your own: ros2 run spp_sorter sorter_node --ros-args --params-file my_cell.yaml
# "live" parameters may change while the node runs, the others while it is unconfigured.
/**:
  ros__parameters:
"""


def sorter_yaml() -> str:
    """The whole file."""
    lines = [HEAD]
    for group, members in groupby(parameters(), lambda parameter: parameter.name.split(".")[0]):
        lines.append(f"    {group}:\n")
        lines.extend(_entry(parameter) for parameter in members)
    return "".join(lines)


def _entry(parameter: Parameter) -> str:
    facts = [parameter.help + (f" [{parameter.unit}]" if parameter.unit else "")]
    if parameter.minimum is not None and parameter.maximum is not None:
        facts.append(f"{parameter.minimum:g} to {parameter.maximum:g}")
    if parameter.choices:
        facts.append("one of " + ", ".join(choice or '""' for choice in parameter.choices))
    if parameter.live:
        facts.append("live")
    key = parameter.name.split(".")[1]
    return f"      # {'; '.join(facts)}\n      {key}: {_scalar(parameter.default)}\n"


def _scalar(value: Value) -> str:
    """JSON, which YAML reads, keeps the types: floats have a point, strings have quotes."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    TARGET.write_text(sorter_yaml(), encoding="utf-8")
    print(f"wrote {TARGET}")

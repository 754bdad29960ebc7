"""The README's table of parameters, written from config.py.

python tools/parameter_table.py            prints the table
python tools/parameter_table.py README.md  puts it between that file's two marks
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spp_sorter.config import Parameter, Value, parameters

BEGIN = "<!-- parameters: written by tools/parameter_table.py -->"
END = "<!-- end of parameters -->"


def shown(value: Value) -> str:
    """A value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return value if isinstance(value, str) and value else repr(value).replace("'", '"')


def allowed(parameter: Parameter) -> str:
    """What a parameter may be."""
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.minimum is None or parameter.maximum is None:
        return ""
    return f"{parameter.minimum:g} to {parameter.maximum:g}"


def table() -> str:
    """The table in Markdown, one line per parameter, in the order of declaration."""
    rows = ["| parameter | default | unit | allowed | live | meaning |", "|---|---|---|---|---|---|"]
    for parameter in parameters():
        cells = (
            f"`{parameter.name}`",
            f"`{shown(parameter.default)}`",
            parameter.unit,
            allowed(parameter),
            "yes" if parameter.live else "",
            parameter.help,
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def with_table(text: str) -> str:
    """``text`` with the present table between its marks; raises ValueError where the marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text lacks the marks '{BEGIN}' and '{END}'; put both where the table belongs")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    if len(sys.argv) < 2:
        print(table())
        return
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main()

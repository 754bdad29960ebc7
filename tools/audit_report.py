"""What pip-audit found, in a few lines: `python tools/audit_report.py AUDIT.json`; exit code 1 for vulnerabilities."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def report(dependencies: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Lines to print and the exit code.

    Args:
        dependencies: pip-audit's list: ``name`` and either ``skip_reason`` or ``version`` and ``vulns``.
    """
    asked = [each for each in dependencies if "skip_reason" not in each]
    lines = [
        f"audit: {each['name']} {each['version']}: {vulnerability['id']}, "
        f"mended in {', '.join(vulnerability['fix_versions']) or 'no release yet'}"
        for each in asked
        for vulnerability in each["vulns"]
    ]
    found = len(lines)
    if not asked:
        return [f"audit: the service knows none of the {len(dependencies)} packages. Nothing was checked."], 0
    unknown = [each["name"] for each in dependencies if "skip_reason" in each]
    lines.append(f"audit: {len(asked)} packages looked up, {found} known vulnerabilities")
    if unknown:
        lines.append(f"audit: not known to the service, and not checked: {', '.join(unknown)}")
    return lines, int(found > 0)


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    lines, code = report(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["dependencies"])
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Where installed ROS packages keep their files, with and without a sourced environment."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parents[2]
"""The repository, when the package runs from it."""


def share_folder(package: str) -> Path | None:
    """The folder ``share/<package>`` of an installed package, None when it is not installed."""
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.origin is not None:
        prefixes.extend(Path(spec.origin).parents)
    prefixes.append(Path(sys.prefix))
    return next((folder for prefix in prefixes if (folder := prefix / "share" / package).is_dir()), None)


def config_file(name: str) -> Path:
    """A file of this package's ``config`` folder, in the repository or installed.

    Raises:
        FileNotFoundError: it is in neither.
    """
    installed = share_folder("spp_sorter")
    folders = [SOURCE_ROOT / "config", *([installed / "config"] if installed else [])]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(2, f"config/{name} is not installed with spp_sorter; run `make setup`, looked in", name)

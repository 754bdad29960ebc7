"""Parameters of a node from where a user writes them: a ROS YAML file, or ``--set NAME=VALUE``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spp_sorter.config import SHIPPED_MODELS, ConfigError
from spp_sorter.untrusted import MAX_YAML_BYTES, UntrustedError, parse_yaml, read_text

NODE_NAME = "spp_sorter"

_OF_ROS = ("use_sim_time", "start_type_description_service")
"""Parameters of every node, which say nothing about sorting."""


def read_parameters(path: Path) -> dict[str, object]:
    """The sorter's parameters in a ROS parameter file, by dotted name; their values are not checked yet.

    Sections for all nodes (``/**``) and for a node called ``spp_sorter`` in any namespace count, later ones win.

    Raises:
        ConfigError: no such file, or none of the form that ROS takes.
    """
    try:
        text = read_text(path, MAX_YAML_BYTES)
    except UntrustedError as error:
        raise ConfigError(f"parameter file '{path}' cannot be read: {error}") from error
    try:
        content = parse_yaml(text)
    except UntrustedError as error:
        raise ConfigError(f"parameter file '{path}' is no YAML: {error}") from error
    sections = list(_sections(content, ""))
    if not sections:
        raise ConfigError(f"'{path}' has no section 'ros__parameters'; begin it with '/**:' and '  ros__parameters:'")
    values: dict[str, object] = {}
    for node, parameters in sections:
        if node.rpartition("/")[2] in ("*", "**", NODE_NAME):
            values.update(_flat(parameters, ""))
    return values


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``, whose values ``read_settings`` reads."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one of the sorter's parameters, such as belt.speed=0.4; may be repeated",
    )


def read_settings(texts: Iterable[str]) -> dict[str, object]:
    """Values of ``name=value`` by name, later ones win; see ``read_setting``."""
    return dict(read_setting(text) for text in texts)


def read_setting(text: str) -> tuple[str, object]:
    """Name and value of ``name=value``; the value is read as YAML.

    Raises:
        ConfigError: there is no ``=``, or no YAML behind it.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set is '{text}'; allowed: NAME=VALUE, such as belt.speed=0.4")
    try:
        return name.strip(), parse_yaml(value)
    except UntrustedError as error:
        raise ConfigError(f"--set is '{text}'; its value is no YAML: {error}") from error


def read_model(name: str, text: str) -> str:
    """The value of ``model.checkpoint`` for a checkpoint that a user names, good in every folder.

    Args:
        name: of the argument, for what is said of a wrong one.
        text: a name of ``SHIPPED_MODELS``, or a file.

    Raises:
        ConfigError: it is neither.
    """
    if text in SHIPPED_MODELS:
        return text
    checkpoint = Path(text).expanduser()
    if not checkpoint.is_file():
        raise ConfigError(
            f"{name} is '{checkpoint}', which is no file; give a checkpoint (.pt), or one of "
            f"{', '.join(SHIPPED_MODELS)}"
        )
    return str(checkpoint.resolve())


def _sections(content: Any, node: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(content, Mapping):
        return
    for key, value in content.items():
        if key == "ros__parameters":
            if isinstance(value, Mapping):
                yield node, value
        else:
            yield from _sections(value, f"{node}/{key}")


def _flat(parameters: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in parameters.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif name not in _OF_ROS and not name.startswith("qos_overrides."):
            yield name, value

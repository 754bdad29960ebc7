"""Files from elsewhere: read with limits on size and depth, and nothing in them is executed or fetched.

Whoever labels pictures or writes a parameter file is trusted with its content, not with our memory: aliases of YAML and
entities of XML, which a few lines can blow up to gigabytes, are refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import yaml

MAX_BYTES = 1 << 30
"""The largest file that is read at all."""

MAX_YAML_BYTES = 1 << 18
MAX_XML_BYTES = 1 << 26
MAX_DEPTH = 100


class UntrustedError(ValueError):
    """A file that cannot be read, or is not read; the text says why."""


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file in UTF-8.

    Raises:
        UntrustedError: it cannot be read, is larger than ``max_bytes``, or is no UTF-8.
    """
    try:
        return read_bytes(path, max_bytes).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UntrustedError(f"it is no text in UTF-8 ({error})") from error


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file; raises UntrustedError as ``read_text``."""
    try:
        if path.exists() and not path.is_file():
            raise UntrustedError("it is no regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise UntrustedError(f"{getattr(error, 'strerror', None) or error}") from error
    if len(content) > max_bytes:
        raise UntrustedError(f"it has more than {max_bytes} bytes, which is the limit")
    return content


def parse_json(text: str) -> Any:
    """What a json says.

    Raises:
        UntrustedError: no json, nested too deeply, or with a number that has thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UntrustedError("it is nested too deeply") from error
    except ValueError as error:
        raise UntrustedError(str(error)) from error


def parse_yaml(text: str) -> Any:
    """Plain values of a YAML text.

    Raises:
        UntrustedError: no YAML, aliases, nested deeper than ``MAX_DEPTH``, or tags of its own.
    """
    return _of_yaml(text, construct=True)


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a YAML text, which know their lines; None for an empty one. Raises as ``parse_yaml``."""
    node: yaml.Node | None = _of_yaml(text, construct=False)
    return node


def _of_yaml(text: str, construct: bool) -> Any:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UntrustedError("it has an alias (*name); write the value out in both places")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise UntrustedError(f"it is nested deeper than {MAX_DEPTH} levels")
        return yaml.safe_load(text) if construct else yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise UntrustedError(" ".join(str(error).split()) or "it is no YAML") from error
    except UntrustedError:
        raise
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
        # PyYAML lets its constructors' own errors through: dates that do not exist, `0x`, keys that are lists.
        raise UntrustedError(f"it has a value that is none ({error})") from error


def parse_xml(content: bytes) -> ElementTree.Element:
    """The root of an XML document without a document type.

    Raises:
        UntrustedError: no XML, with a document type (where entities are declared), or nested deeper than ``MAX_DEPTH``.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def refuse(*_: object) -> None:
        raise UntrustedError("it has a document type (<!DOCTYPE ...>), which is not read; take it out")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise UntrustedError(f"it is nested deeper than {MAX_DEPTH} levels")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = refuse, refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, LookupError, AssertionError) as error:
        raise UntrustedError(str(error) or "it is no XML") from error
    except UntrustedError:
        raise
    except ValueError as error:  # an encoding that Python has, but expat cannot use
        raise UntrustedError(str(error)) from error

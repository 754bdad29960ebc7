"""From the categories of somebody's data set to the labels of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from spp_sorter.evaluation.records import DatasetError, Problem
from spp_sorter.evaluation.truth import ANY_LABEL
from spp_sorter.untrusted import MAX_YAML_BYTES, UntrustedError, compose_yaml, read_text
from spp_sorter.values import LABELS

IGNORE = "ignore"
"""The word in a label map for a category that is neither to be found nor wrong to find."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which label each source category has.

    Attributes:
        label_names: C names of ours.
        labels: lower-case source category -> index, ``ANY_LABEL`` for ignored ones.
    """

    label_names: tuple[str, ...]
    labels: Mapping[str, int]

    @staticmethod
    def identity(label_names: tuple[str, ...] = LABELS) -> LabelMap:
        """Categories that already bear our names, and ``ignore``."""
        return LabelMap(label_names, {**{name.casefold(): i for i, name in enumerate(label_names)}, IGNORE: ANY_LABEL})

    @staticmethod
    def read(path: Path, label_names: tuple[str, ...] = LABELS) -> LabelMap:
        """Read ``categories: {source category: label or ignore}`` from a YAML file.

        Args:
            path: the file.
            label_names: the labels that may stand on the right.

        Raises:
            DatasetError: all that is wrong with the file, with line numbers.
        """
        try:
            tree = compose_yaml(read_text(path, MAX_YAML_BYTES))
        except UntrustedError as error:
            raise DatasetError([Problem(path, "", "malformed", f"not a readable YAML file ({error})")]) from error
        section = None
        if isinstance(tree, yaml.MappingNode):
            section = next((value for key, value in tree.value if key.value == "categories"), None)
        if not isinstance(section, yaml.MappingNode):
            text = "no 'categories:' with lines of 'source category: label'"
            raise DatasetError([Problem(path, "", "malformed", text)])
        known = LabelMap.identity(label_names).labels
        labels: dict[str, int] = {}
        problems: list[Problem] = []
        for key, value in section.value:
            if not (isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)):
                text = "a line is no 'source category: label'"
                problems.append(Problem(path, f"line {key.start_mark.line + 1}", "malformed", text))
                continue
            where, category, label = f"line {key.start_mark.line + 1}", str(key.value).casefold(), str(value.value)
            if label.casefold() not in known:
                text = f"'{key.value}' becomes '{label}'; allowed: {', '.join(known)}"
                problems.append(Problem(path, where, "unknown category", text))
            elif category in labels:
                problems.append(Problem(path, where, "duplicate", f"'{key.value}' stands twice; keep one"))
            else:
                labels[category] = known[label.casefold()]
        if problems:
            raise DatasetError(problems)
        return LabelMap(label_names, labels)

    def get(self, category: str) -> int | None:
        """The label of a category whatever its capitals, or None for one that is not in the map."""
        return self.labels.get(category.strip().casefold())

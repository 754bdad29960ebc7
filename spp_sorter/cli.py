"""``spp_sorter VERB``: one command for everything that is done from a shell.

Each verb lives in a module of its own, imported only when it is called for: ``--help`` answers at once, and training
needs no ROS. A verb's module offers ``add_arguments(parser)`` and ``run(args) -> int``, the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives, and what it does in one line."""

    module: str
    help: str


VERBS: dict[str, Verb] = {
    "demo": Verb("spp_sorter.ros.demo", "run camera, sorter and arm on a simulated belt and measure them"),
    "pack": Verb("spp_sorter.ros.pack", "make a bag of a folder of pictures"),
    "replay": Verb(
        "spp_sorter.ros.replay", "run a bag through the sorter: a bag of results, an annotated video, figures"
    ),
    "scenes": Verb("spp_sorter.learning.scenes", "make training pictures of a simulated belt, with their exact truth"),
    "check": Verb("spp_sorter.learning.check", "list everything that is wrong with a data set"),
    "train": Verb("spp_sorter.learning.train", "train the detector"),
    "export": Verb("spp_sorter.learning.export", "write a detector as an ONNX file"),
    "evaluate": Verb("spp_sorter.learning.evaluate", "measure a detector"),
    "calibrate": Verb("spp_sorter.ros.calibrate", "find the camera's pose over the belt by a calibration board"),
    "benchmark": Verb("spp_sorter.ros.benchmark", "time the detector, its peers, the picks and the node"),
    "lecture": Verb("spp_sorter.lecture.compare", "run R-CNN, SPP-net, Fast R-CNN and this detector side by side"),
}

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: the words after the program's name; None for those of this process.

    Returns:
        The exit code: 0 when all went well, 1 when the verb ran and failed, 2 for a mistake of the user, which is
        told in one line, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    called = next((word for word in words if not word.startswith("-")), "")
    try:
        module = importlib.import_module(VERBS[called].module) if called in VERBS else None
        args = _parser(called, module).parse_args(words)
        return int(args.run(args))
    except KeyboardInterrupt:
        print("spp_sorter: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ModuleNotFoundError) as error:
        if os.environ.get("SPP_SORTER_TRACEBACK"):
            raise
        print(f"spp_sorter {called}: {_one_line(error)}", file=sys.stderr)
        return EXIT_USER_ERROR


def _parser(called: str, module: ModuleType | None) -> argparse.ArgumentParser:
    """The parser of all verbs, with the arguments of the verb that is called."""
    parser = argparse.ArgumentParser(
        prog="spp_sorter",
        description="Sorts contaminants out of compost on a conveyor belt: detect, track, pick.",
        epilog="SPP_SORTER_TRACEBACK=1 shows where an error comes from.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in VERBS.items():
        verb_parser = verbs.add_parser(name, help=verb.help, description=verb.help[0].upper() + verb.help[1:] + ".")
        if name == called and module is not None:
            module.add_arguments(verb_parser)
            verb_parser.set_defaults(run=module.run)
    return parser


def _missing(package: str) -> str:
    """What to do about a Python package that is not there."""
    if package == "rclpy" or package.endswith(("_msgs", "_interfaces")):
        remedy = "run `make setup`, or source your ROS 2 installation"
    else:
        remedy = f"run `make setup`, or pip install {package}"
    return f"the Python package '{package}' is missing; {remedy}"


def _one_line(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(error.name.split(".")[0])
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.strerror}: '{error.filename}'"
    return text or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())

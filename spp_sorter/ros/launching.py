"""What the launch files decide, as plain functions: they run and are tested where ``launch`` is not installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spp_sorter.config import Config, ConfigError
from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.parameter_files import read_model, read_parameters
from spp_sorter.ros.shares import config_file, share_folder

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Where Fast DDS looks for its profiles; the second is what Jazzy reads, and deprecated since."""

SHOWN_TOPICS = ("annotated_image", "markers", "detections_3d", "pick_targets")
"""The node's topics, after ``~/``, that ``config/sorter.rviz`` shows."""

SORTER_INPUTS = ("image", "camera_info", "depth", "belt_encoder", "belt_velocity")
"""Topics that the sorter subscribes to, each an argument of its launch file."""

PLAYER_DEFAULTS: dict[str, Any] = {"bag": "", "rate": 1.0, "loop": False}
"""Parameters of the node bag_player."""

PLAYER_HELP = {
    "bag": "rosbag2 folder, or a .mcap or .db3 file",
    "rate": "speed of the replay",
    "loop": "begin again at the end of the bag",
}

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True, slots=True)
class CameraMount:
    """A fixed camera's pose, as static_transform_publisher takes it.

    Attributes:
        belt_frame: parent frame.
        camera_frame: the optical frame.
        position: x y z in metres.
        orientation: quaternion x y z w.
    """

    belt_frame: str
    camera_frame: str
    position: tuple[float, ...]
    orientation: tuple[float, ...]

    def arguments(self) -> list[str]:
        """For ``ros2 run tf2_ros static_transform_publisher``."""
        values = zip(("--x", "--y", "--z"), self.position, strict=True)
        turns = zip(("--qx", "--qy", "--qz", "--qw"), self.orientation, strict=True)
        words = [word for name, value in (*values, *turns) for word in (name, repr(float(value)))]
        return [*words, "--frame-id", self.belt_frame, "--child-frame-id", self.camera_frame]


def truth_of(name: str, text: str) -> bool:
    """``true`` or ``false`` as people write it in a launch argument.

    Raises:
        ConfigError: it is neither.
    """
    word = text.strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise ConfigError(f"launch argument '{name}' is '{text}'; allowed: true, false")
    return word in _TRUE


def sorter_parameters(arguments: Mapping[str, str]) -> dict[str, Any]:
    """The sorter's parameters that launch arguments set, on top of the parameter file.

    An empty argument sets nothing, so that the parameter file and the node's own defaults hold.

    Args:
        arguments: ``params_file use_sim_time image_transport depth model device``, each as text.

    Returns:
        Parameters by dotted name; ``node.autostart`` is false, because the launch file drives the lifecycle.

    Raises:
        ConfigError: a value that the node would refuse, or a file that is not there.
    """
    values: dict[str, Any] = {"node.autostart": False}
    if arguments.get("use_sim_time"):
        values["use_sim_time"] = truth_of("use_sim_time", arguments["use_sim_time"])
    if arguments.get("depth"):
        values["node.use_depth"] = True
    for argument, name in (("image_transport", "node.image_transport"), ("device", "model.device")):
        if arguments.get(argument):
            values[name] = arguments[argument]
    if arguments.get("model"):
        values["model.checkpoint"] = read_model("launch argument 'model'", arguments["model"])
    Config.from_flat({**_given(arguments), **{k: v for k, v in values.items() if k != "use_sim_time"}})
    return values


def sorter_topics(arguments: Mapping[str, str]) -> list[tuple[str, str]]:
    """Remappings of the sorter's inputs; empty ones keep their names."""
    return [(name, arguments[name]) for name in SORTER_INPUTS if arguments.get(name, "") not in ("", name)]


def cell_parameters(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of the simulated camera that launch arguments set; raises ConfigError for what it would refuse."""
    values: dict[str, Any] = {}
    for setting in CellSettings.parameters():
        text = arguments.get(setting.name, "")
        if not text:
            continue
        if isinstance(setting.default, bool):
            values[setting.name] = truth_of(setting.name, text)
        elif isinstance(setting.default, str):
            values[setting.name] = text
        else:
            values[setting.name] = _number(setting.name, text, type(setting.default))
    CellSettings.from_values(values)
    return values


def player_parameters(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of the bag player: ``bag``, ``rate`` and ``loop``.

    Raises:
        ConfigError: there is no such bag, or a value cannot be read.
    """
    bag = Path(arguments["bag"]).expanduser()
    if not bag.exists():
        raise ConfigError(f"launch argument 'bag' is '{bag}', which does not exist; give a rosbag2 folder or file")
    rate = _number("rate", arguments["rate"], float)
    return {"bag": str(bag.resolve()), "rate": rate, "loop": truth_of("loop", arguments["loop"])}


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"launch argument '{name}' is '{text}'; allowed: {what}") from error


def camera_mount(arguments: Mapping[str, str]) -> CameraMount | None:
    """The camera's pose for TF where it comes from parameters; None where TF already has it.

    Args:
        arguments: ``params_file`` and ``camera_frame``; an empty frame asks for no transform.

    Raises:
        ConfigError: the parameter file is wrong.
    """
    config = Config.from_flat(_given(arguments))
    frame = arguments.get("camera_frame", "")
    if not frame or config.camera.extrinsics == "tf":
        return None
    return CameraMount(config.node.target_frame, frame, config.camera.position, config.camera.orientation)


def _given(arguments: Mapping[str, str]) -> dict[str, object]:
    path = arguments.get("params_file", "")
    return read_parameters(Path(path).expanduser()) if path else {}


def full_name(namespace: str, name: str) -> str:
    """The absolute name of ``name`` in a namespace, written with or without slashes."""
    return "/".join(["", *(part for part in f"{namespace}/{name}".split("/") if part)])


def rviz_topics(namespace: str) -> list[tuple[str, str]]:
    """Remappings that turn RViz's picture of ``/spp_sorter`` to the sorter of a namespace."""
    pairs = ((f"/spp_sorter/{topic}", full_name(namespace, f"spp_sorter/{topic}")) for topic in SHOWN_TOPICS)
    return [(shown, real) for shown, real in pairs if shown != real]


def large_frame_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables for large frames over Fast DDS; none where the caller has chosen a profile.

    Args:
        environment: the caller's, by default this process's.
    """
    given = os.environ if environment is None else environment
    if any(given.get(name) for name in PROFILE_VARIABLES):
        return {}
    profile = str(config_file("fastdds.xml"))
    return dict.fromkeys(PROFILE_VARIABLES if given.get("ROS_DISTRO") == "jazzy" else PROFILE_VARIABLES[:1], profile)


def missing(package: str) -> str:
    """What to say where an optional ROS package is not installed; empty where it is."""
    if share_folder(package) is not None:
        return ""
    name = package.replace("_", "-")
    distro = os.environ.get("ROS_DISTRO") or "$ROS_DISTRO"
    return f"{package} is not installed and is left out. Run: sudo apt install ros-{distro}-{name}"

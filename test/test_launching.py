"""The launch files: what they decide, how their arguments fit together, and they themselves where launch is there."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from spp_sorter.config import SHIPPED_MODELS, Config, ConfigError
from spp_sorter.detector import SHIPPED
from spp_sorter.ros import launching
from spp_sorter.ros.bag_player_node import BagPlayerNode
from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.intake import Intake

ROOT = Path(__file__).resolve().parent.parent
LAUNCH = ROOT / "launch"
FILES = ("sorter", "demo", "replay")
PROMISED = {
    *("namespace", "params_file", "use_sim_time", "image", "camera_info", "depth"),
    *("image_transport", "rviz", "autostart", "model", "device"),
}

needs_launch = pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None, reason="launch and launch_ros are not on PyPI; a robot has them"
)


def tables(name: str) -> dict[str, dict[str, tuple[str, str]]]:
    """The dictionaries of arguments in a launch file, read without running it."""
    tree = ast.parse((LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8"))
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.endswith("ARGUMENTS")
    }


def arguments(name: str) -> dict[str, tuple[str, str]]:
    return {key: value for table in tables(name).values() for key, value in table.items()}


# Arguments


def test_the_sorter_takes_what_is_promised() -> None:
    assert set(arguments("sorter")) >= PROMISED
    assert all(text and not text.endswith(".") for name in FILES for _, text in arguments(name).values())


@pytest.mark.parametrize("name", ["demo", "replay"])
def test_what_is_handed_to_the_sorter_is_taken_there(name: str) -> None:
    handed = tables(name)["SORTER_ARGUMENTS"]
    assert set(handed) <= set(arguments("sorter"))
    source = (LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8")
    assert set(re.findall(r'sorter\["(\w+)"\] =', source)) <= set(arguments("sorter"))


def test_arguments_of_the_simulated_cell_are_its_settings() -> None:
    known = {parameter.name: parameter for parameter in CellSettings.parameters()}
    given = {name: default for name, (default, _) in tables("demo")["CELL_ARGUMENTS"].items()}
    assert set(given) <= set(known)
    values = launching.cell_parameters(given)
    assert {name: type(value) for name, value in values.items()} == {name: type(known[name].default) for name in given}
    with pytest.raises(ConfigError, match="'fps' is 'fast'"):
        launching.cell_parameters({"fps": "fast"})
    with pytest.raises(ConfigError, match="density"):
        launching.cell_parameters({"density": "dense"})


def test_programs_and_packages_exist() -> None:
    programs = set(re.findall(r'"(\w+) = spp_sorter\.', (ROOT / "setup.py").read_text(encoding="utf-8")))
    depends = re.findall(r"<exec_depend>(\w+)</exec_depend>", (ROOT / "package.xml").read_text(encoding="utf-8"))
    for name in FILES:
        source = (LAUNCH / f"{name}.launch.py").read_text(encoding="utf-8")
        for package, program in re.findall(r'package="(\w+)",\s+executable="(\w+)"', source):
            assert program in programs if package == "spp_sorter" else package in depends
        for imported in re.findall(r"^from (\w+)", source, re.MULTILINE):
            assert imported in {*depends, "pathlib", "spp_sorter"}


# Decisions


def test_empty_arguments_leave_the_parameter_file_alone() -> None:
    given = {name: default for name, (default, _) in arguments("sorter").items()}
    assert launching.sorter_parameters(given) == {"node.autostart": False}
    assert launching.sorter_topics(given) == []


def test_arguments_become_parameters(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.pt"
    checkpoint.touch()
    given = {"use_sim_time": "True", "depth": "/depth", "image_transport": "compressed", "model": str(checkpoint)}
    assert launching.sorter_parameters({**given, "device": "cuda:1"}) == {
        "node.autostart": False,
        "use_sim_time": True,
        "node.use_depth": True,
        "node.image_transport": "compressed",
        "model.checkpoint": str(checkpoint),
        "model.device": "cuda:1",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"use_sim_time": "maybe"}, "use_sim_time.*maybe.*true, false"),
        ({"image_transport": "zip"}, "raw, compressed"),
        ({"model": "/no/such.pt"}, "no/such.pt.*no file"),
        ({"params_file": "/no/such.yaml"}, "no/such.yaml"),
    ],
)
def test_slips_are_named_before_anything_starts(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        launching.sorter_parameters(given)


def test_inputs_are_remapped_by_the_names_that_the_node_subscribes_to() -> None:
    given = {
        "image": "/camera/image_raw",
        "camera_info": "camera_info",
        "depth": "/camera/depth",
        "belt_encoder": "/plc",
    }
    remapped = [("image", "/camera/image_raw"), ("depth", "/camera/depth"), ("belt_encoder", "/plc")]
    assert launching.sorter_topics(given) == remapped
    source = Path(Intake.__module__.replace(".", "/") + ".py")
    subscribed = re.findall(r'_subscribe\(\s*"(\w+)"', (ROOT / source).read_text(encoding="utf-8"))
    belt = re.findall(r'\("(belt_\w+)", \w+, self', (ROOT / source).read_text(encoding="utf-8"))
    assert set(launching.SORTER_INPUTS) == {*subscribed, *belt} <= set(arguments("sorter"))


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_shipped_models_have_names_at_launch(name: str) -> None:
    assert launching.sorter_parameters({"model": name})["model.checkpoint"] == name
    assert tuple(SHIPPED) == SHIPPED_MODELS


def test_the_camera_stands_in_tf_where_the_parameters_say(tmp_path: Path) -> None:
    params = tmp_path / "cell.yaml"
    camera = {"position": [0.1, 0.2, 1.5], "orientation": [1.0, 0.0, 0.0, 0.0]}
    params.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"camera": camera}}}), encoding="utf-8")
    given = {"params_file": str(params), "camera_frame": "eye"}
    mount = launching.camera_mount(given)
    assert mount is not None
    words = mount.arguments()
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        **dict(zip(("--x", "--y", "--z"), ("0.1", "0.2", "1.5"), strict=True)),
        **dict(zip(("--qx", "--qy", "--qz", "--qw"), ("1.0", "0.0", "0.0", "0.0"), strict=True)),
        "--frame-id": Config().node.target_frame,
        "--child-frame-id": "eye",
    }
    assert launching.camera_mount({**given, "camera_frame": ""}) is None
    params.write_text("/**: {ros__parameters: {camera: {extrinsics: tf}}}", encoding="utf-8")
    assert launching.camera_mount(given) is None


@pytest.mark.parametrize("namespace", ["cell_1", "/cell_1", "/cell_1/"])
def test_rviz_follows_the_namespace(namespace: str) -> None:
    pairs = dict(launching.rviz_topics(namespace))
    assert pairs["/spp_sorter/markers"] == "/cell_1/spp_sorter/markers"
    assert launching.rviz_topics("") == launching.rviz_topics("/") == []


def test_large_frames_have_a_profile_unless_there_is_one() -> None:
    (name,) = launching.large_frame_environment({})
    assert (name, Path(launching.large_frame_environment({})[name]).name) == (
        "FASTDDS_DEFAULT_PROFILES_FILE",
        "fastdds.xml",
    )
    assert set(launching.large_frame_environment({"ROS_DISTRO": "jazzy"})) == set(launching.PROFILE_VARIABLES)
    for chosen in launching.PROFILE_VARIABLES:
        assert launching.large_frame_environment({chosen: "/mine.xml"}) == {}


def test_what_is_missing_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert launching.missing("no_such_package").endswith("Run: sudo apt install ros-jazzy-no-such-package")
    assert launching.missing("rclpy") == ""


def test_player_arguments(tmp_path: Path) -> None:
    given = {"bag": str(tmp_path), "rate": "2", "loop": "true"}
    assert launching.player_parameters(given) == {"bag": str(tmp_path), "rate": 2.0, "loop": True}
    assert set(launching.player_parameters(given)) == set(launching.PLAYER_DEFAULTS) == set(launching.PLAYER_HELP)
    assert BagPlayerNode.__doc__ is not None
    for wrong in ({"bag": "/no/bag"}, {"rate": "fast"}, {"loop": "often"}):
        with pytest.raises(ConfigError, match=next(iter(wrong.values()))):
            launching.player_parameters({**given, **wrong})


# The files themselves


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_launch", LAUNCH / f"{name}.launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_launch
@pytest.mark.parametrize("name", FILES)
def test_launch_files_describe_their_processes(name: str, tmp_path: Path) -> None:
    from launch import LaunchContext
    from launch.actions import DeclareLaunchArgument
    from launch_ros.actions import Node

    module = loaded(name)
    description = module.generate_launch_description()
    declared = {entity.name for entity in description.entities if isinstance(entity, DeclareLaunchArgument)}
    assert declared == {*arguments(name), *(["bag"] if name == "replay" else [])}
    context = LaunchContext()
    given = {key: default for key, (default, _) in arguments(name).items()}
    context.launch_configurations.update({**given, "bag": str(tmp_path), "rviz": "false"})
    nodes = [action for action in module.start(context) if isinstance(action, Node)]
    assert [node.node_executable for node in nodes] == {
        "sorter": ["sorter_node"],
        "demo": ["belt_camera_node", "arm_node"],
        "replay": ["bag_player_node"],
    }[name]

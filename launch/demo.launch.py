"""A simulated cell: belt camera, sorter, arm, and RViz. Nothing here stands for results: `make demo` measures."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from spp_sorter.ros import launching

SORTER = str(Path(__file__).resolve().parent / "sorter.launch.py")

SORTER_ARGUMENTS = {
    "namespace": ("", "namespace of the cell"),
    "params_file": ("", "parameters of the sorter (YAML)"),
    "rviz": ("true", "true: open RViz with config/sorter.rviz"),
    "model": ("", "checkpoint (.pt), or default or nano"),
    "device": ("", "auto, cpu, cuda or cuda:N"),
}
CELL_ARGUMENTS = {
    "density": ("sparse", "how the items lie: sparse, touching or bed"),
    "speed": ("0.5", "belt speed in m/s"),
    "fps": ("30", "frames per second"),
    "width": ("640", "columns of the images"),
    "height": ("480", "rows of the images"),
    "seed": ("0", "another belt"),
    "depth": ("false", "true: with a depth camera"),
}


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in {**SORTER_ARGUMENTS, **CELL_ARGUMENTS}.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    given = {name: context.launch_configurations[name] for name in (*SORTER_ARGUMENTS, *CELL_ARGUMENTS)}
    cell = {
        name: ParameterValue(value, value_type=type(value)) for name, value in launching.cell_parameters(given).items()
    }
    sorter = {name: given[name] for name in SORTER_ARGUMENTS}
    sorter["depth"] = "depth" if launching.truth_of("depth", given["depth"]) else ""
    large_frames = launching.large_frame_environment()
    return [
        Node(
            package="spp_sorter",
            executable="belt_camera_node",
            name="belt_camera",
            namespace=given["namespace"],
            parameters=[cell],
            additional_env=large_frames,
            output="screen",
        ),
        Node(
            package="spp_sorter",
            executable="arm_node",
            name="arm",
            namespace=given["namespace"],
            remappings=[("pick_targets", "spp_sorter/pick_targets")],
            additional_env=large_frames,
            output="screen",
        ),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(SORTER), launch_arguments=sorter.items()),
    ]

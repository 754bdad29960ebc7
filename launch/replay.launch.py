"""A recorded bag through the running node, at the time of its stamps: bag, sorter, and RViz."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from spp_sorter.ros import launching

SORTER = str(Path(__file__).resolve().parent / "sorter.launch.py")

SORTER_ARGUMENTS = {
    "namespace": ("", "namespace of the sorter; the bag's topics keep their names"),
    "params_file": ("", "parameters of the sorter (YAML)"),
    "image": ("/image", "the bag's topic of pictures"),
    "camera_info": ("/camera_info", "the bag's topic of CameraInfo"),
    "depth": ("", "the bag's topic of depth aligned to the pictures; empty for none"),
    "belt_encoder": ("/belt_encoder", "the bag's topic of the belt's encoder"),
    "belt_velocity": ("/belt_velocity", "the bag's topic of the belt's speed"),
    "image_transport": ("", "raw or compressed"),
    "rviz": ("true", "true: open RViz with config/sorter.rviz"),
    "model": ("", "checkpoint (.pt), or default or nano"),
    "device": ("", "auto, cpu, cuda or cuda:N"),
}
BAG_ARGUMENTS = {
    "rate": ("1.0", "speed of the replay"),
    "loop": ("false", "true: begin again at the end"),
}


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in {**SORTER_ARGUMENTS, **BAG_ARGUMENTS}.items()
    ]
    bag = DeclareLaunchArgument("bag", description="rosbag2 folder, or a .mcap or .db3 file")
    return LaunchDescription([bag, *declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    given = {name: context.launch_configurations[name] for name in ("bag", *SORTER_ARGUMENTS, *BAG_ARGUMENTS)}
    sorter = {name: given[name] for name in SORTER_ARGUMENTS}
    sorter["use_sim_time"] = "true"
    # Where nobody looks at the last picture, the end of the bag is the end of the replay.
    at_the_end = [] if launching.truth_of("rviz", given["rviz"]) else [Shutdown(reason="the bag is at its end")]
    return [
        Node(
            package="spp_sorter",
            executable="bag_player_node",
            name="bag_player",
            parameters=[launching.player_parameters(given)],
            additional_env=launching.large_frame_environment(),
            on_exit=at_the_end,
            output="screen",
        ),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(SORTER), launch_arguments=sorter.items()),
    ]

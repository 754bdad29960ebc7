"""The sorter, configured and activated by this launch file: `ros2 launch spp_sorter sorter.launch.py -s` lists all."""

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, EmitEvent, LogInfo, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from lifecycle_msgs.msg import Transition

from spp_sorter.ros import launching
from spp_sorter.ros.shares import config_file

ARGUMENTS = {
    "namespace": ("", "namespace of the cell; several cells run side by side in namespaces of their own"),
    "params_file": ("", "parameters of your cell (YAML); empty for the defaults of config/sorter.yaml"),
    "use_sim_time": ("", "true: take the time from /clock, as with a bag; empty for what params_file says"),
    "image": ("image", "topic of the camera's pictures"),
    "camera_info": ("camera_info", "topic of the camera's CameraInfo"),
    "depth": ("", "topic of depth aligned to the pictures; empty for none"),
    "belt_encoder": ("belt_encoder", "topic of the belt's encoder (JointState, position in metres)"),
    "belt_velocity": ("belt_velocity", "topic of the belt's speed (TwistStamped)"),
    "image_transport": ("", "raw or compressed; empty for what params_file says"),
    "rviz": ("false", "true: open RViz with config/sorter.rviz"),
    "autostart": ("true", "true: configure and activate; false: wait for `ros2 lifecycle set`"),
    "model": ("", "checkpoint (.pt), or default or nano; empty for what params_file says, or the shipped weights"),
    "device": ("", "auto, cpu, cuda or cuda:N; empty for what params_file says"),
    "camera_frame": (
        "camera_optical_frame",
        "optical frame for RViz where camera.extrinsics is 'parameter': its pose goes to TF; empty for none",
    ),
    "respawn": ("false", "true: start the node again when it dies, and activate it again"),
}


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    given = {name: context.launch_configurations[name] for name in ARGUMENTS}
    node = sorter(given)
    starts = launching.truth_of("autostart", given["autostart"])
    actions = [*(activated(node) if starts else []), node]
    if launching.truth_of("rviz", given["rviz"]):
        actions += rviz(given)
    return actions


def sorter(given: dict[str, str]) -> LifecycleNode:
    parameters = {
        name: ParameterValue(value, value_type=type(value))
        for name, value in launching.sorter_parameters(given).items()
    }
    return LifecycleNode(
        package="spp_sorter",
        executable="sorter_node",
        name="spp_sorter",
        namespace=given["namespace"],
        parameters=[given["params_file"] or str(config_file("sorter.yaml")), parameters],
        remappings=launching.sorter_topics(given),
        additional_env=launching.large_frame_environment(),
        respawn=launching.truth_of("respawn", given["respawn"]),
        respawn_delay=2.0,
        output="screen",
        emulate_tty=True,
    )


def activated(node: LifecycleNode) -> list[Action]:
    """Configure whenever the process starts, and activate when that worked; later transitions are the user's own."""

    def transition(number: int) -> EmitEvent:
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=number))

    def activate(context: LaunchContext) -> list[Action]:
        done = context.locals.event.goal_state == "inactive"
        return [transition(Transition.TRANSITION_ACTIVATE)] if done else []

    configured = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        entities=[OpaqueFunction(function=activate)],
        handle_once=True,
    )
    started = [RegisterEventHandler(configured), transition(Transition.TRANSITION_CONFIGURE)]
    return [RegisterEventHandler(OnProcessStart(target_action=node, on_start=started))]


def rviz(given: dict[str, str]) -> list[Action]:
    actions: list[Action] = [LogInfo(msg=text) for text in map(launching.missing, ("rviz2", "tf2_ros")) if text]
    sim_time = {"use_sim_time": launching.sorter_parameters(given).get("use_sim_time", False)}
    if not launching.missing("rviz2"):
        actions.append(
            Node(
                package="rviz2",
                executable="rviz2",
                name="rviz",
                namespace=given["namespace"],
                arguments=["-d", str(config_file("sorter.rviz"))],
                parameters=[sim_time],
                remappings=launching.rviz_topics(given["namespace"]),
                additional_env=launching.large_frame_environment(),
            )
        )
    mount = launching.camera_mount(given)
    if mount is not None and not launching.missing("tf2_ros"):
        actions.append(
            Node(
                package="tf2_ros",
                executable="static_transform_publisher",
                name="camera_mount",
                namespace=given["namespace"],
                arguments=mount.arguments(),
                parameters=[sim_time],
            )
        )
    return actions

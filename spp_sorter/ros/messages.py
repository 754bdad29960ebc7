"""The only place where ROS messages become values and values become messages.

Camera and belt are here; pictures (``images``), detections and picks (``vision``, ``vision_writer``) and ``stamps`` are
re-exported. Nothing of these files needs torch or a running node. A message that cannot become a value raises
``BadFrame`` with a short cause to count; nothing else escapes, whatever the message holds.
"""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Header

from spp_sorter.ros.images import (
    ENCODINGS,
    bgr_to_compressed,
    bgr_to_image,
    compressed_to_bgr,
    depth_to_metres,
    image_to_bgr,
    metres_to_depth,
)
from spp_sorter.ros.stamps import BadFrame, make_header, ns_to_stamp, require_finite, stamp_to_ns
from spp_sorter.ros.vision import detections_from_msg, pick_targets_from_msg
from spp_sorter.ros.vision_writer import (
    VisionWriter,
    detections_to_msg,
    label_info_to_msg,
    picks_to_msg,
    tracks_to_detection3d_array,
)
from spp_sorter.values import BeltSample, CameraIntrinsics

__all__ = [
    "ENCODINGS",
    "BadFrame",
    "VisionWriter",
    "belt_sample_from_joint_state",
    "belt_sample_from_twist",
    "bgr_to_compressed",
    "bgr_to_image",
    "camera_info_to_intrinsics",
    "compressed_to_bgr",
    "depth_to_metres",
    "detections_from_msg",
    "detections_to_msg",
    "image_to_bgr",
    "intrinsics_to_camera_info",
    "label_info_to_msg",
    "make_header",
    "metres_to_depth",
    "ns_to_stamp",
    "pick_targets_from_msg",
    "picks_to_msg",
    "stamp_to_ns",
    "tracks_to_detection3d_array",
]

_DISTORTION_SIZES = {
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 4, 5, 8, 12),
    "equidistant": (0, 4),
}


def camera_info_to_intrinsics(msg: CameraInfo) -> CameraIntrinsics:
    """Intrinsics of the image as it arrives: region of interest and binning applied as image_geometry does (REP-104).

    Args:
        msg: sensor_msgs/CameraInfo.

    Returns:
        Intrinsics with ``size_hw`` of the transported image.

    Raises:
        BadFrame: ``uncalibrated`` (K all zero), ``bad_intrinsics`` (singular or not finite), ``bad_size``, or
            ``unknown_distortion``.
    """
    k = np.array(msg.k, np.float64).reshape(3, 3)
    if not k.any():
        raise BadFrame("uncalibrated", "camera_info has K all zero; calibrate the camera and load its calibration file")
    if not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0 or k[1, 0] or list(k[2]) != [0, 0, 1]:
        raise BadFrame(
            "bad_intrinsics", f"camera_info has K = {k.tolist()}; allowed: fx s cx, 0 fy cy, 0 0 1, fx fy > 0"
        )
    model, distortion = msg.distortion_model or "plumb_bob", np.array(msg.d, np.float64)
    if model not in _DISTORTION_SIZES:
        known = ", ".join(_DISTORTION_SIZES)
        raise BadFrame("unknown_distortion", f"camera_info has distortion model {model[:40]!r}; known: {known}")
    if len(distortion) not in _DISTORTION_SIZES[model] or not np.isfinite(distortion).all():
        raise BadFrame(
            "bad_intrinsics",
            f"camera_info has {len(distortion)} coefficients, {distortion[:14].tolist()}; allowed for {model}: "
            f"{' or '.join(map(str, _DISTORTION_SIZES[model]))} finite numbers",
        )
    roi, binning = msg.roi, np.array([max(msg.binning_x, 1), max(msg.binning_y, 1)])
    size_wh = np.array([roi.width or msg.width, roi.height or msg.height]) // binning
    if not size_wh.all():
        raise BadFrame("bad_size", f"camera_info is for an image of {size_wh[0]}x{size_wh[1]}; allowed: at least 1x1")
    k[:2, 2] -= (roi.x_offset, roi.y_offset)
    k[:2] /= binning[:, None]
    return CameraIntrinsics((int(size_wh[1]), int(size_wh[0])), k, distortion, model)


def intrinsics_to_camera_info(intrinsics: CameraIntrinsics, header: Header) -> CameraInfo:
    """sensor_msgs/CameraInfo of intrinsics: no rectification, no binning, no region of interest."""
    height, width = intrinsics.size_hw
    k = np.asarray(intrinsics.k, np.float64)
    message = CameraInfo(header=header, height=height, width=width, distortion_model=intrinsics.model)
    message.d = [float(value) for value in intrinsics.distortion]
    message.k = k.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.hstack([k, np.zeros((3, 1))]).ravel()
    return message


def belt_sample_from_joint_state(msg: JointState) -> BeltSample:
    """The belt encoder's reading: position of the first joint in metres, with its velocity where there is one.

    Raises:
        BadFrame: ``bad_belt`` when there is neither, or when one is not finite.
    """
    position_m = float(msg.position[0]) if len(msg.position) else None
    velocity_mps = float(msg.velocity[0]) if len(msg.velocity) else None
    if position_m is None and velocity_mps is None:
        raise BadFrame("bad_belt", "belt_encoder has neither position nor velocity; give position[0] in metres")
    require_finite("bad_belt", "belt_encoder", [v for v in (position_m, velocity_mps) if v is not None])
    return BeltSample(stamp_to_ns(msg.header.stamp), position_m, velocity_mps)


def belt_sample_from_twist(msg: TwistStamped) -> BeltSample:
    """The belt's velocity along x of ``belt``; raises BadFrame ``bad_belt`` when it is not finite."""
    velocity_mps = float(msg.twist.linear.x)
    require_finite("bad_belt", "belt_velocity", [velocity_mps])
    return BeltSample(stamp_to_ns(msg.header.stamp), None, velocity_mps)

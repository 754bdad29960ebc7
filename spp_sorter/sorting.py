"""One frame in, everything out: detect, track, locate, plan. Node and replay call exactly this."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from spp_sorter.config import Config
from spp_sorter.geometry.belt import BeltMotion, BeltPosition, Forecast
from spp_sorter.geometry.belt_texture import BeltTexture
from spp_sorter.geometry.camera import Camera, CameraError, pose_from_quaternion
from spp_sorter.picking.grasp import view_detections
from spp_sorter.picking.planner import plan_picks
from spp_sorter.picking.tracker import Tracker, Tracking
from spp_sorter.picking.travel import TravelTrigger
from spp_sorter.values import (
    BeltSample,
    CameraIntrinsics,
    Detections,
    FloatArray,
    Frame,
    ImageArray,
    Level,
    PickTarget,
    Pose,
    Rejection,
    SortResult,
    Status,
)

_TIME_RESTART_S = 0.1
"""A frame this much older than the last one means that time started again; a lesser step drops the frame."""


class ItemDetector(Protocol):
    """What a sorter needs of a detector."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label map."""

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Items in a [H, W, 3] uint8 image, in its pixels."""


class _NotNow(Exception):
    """Nothing can be located in this frame; carries the status that says why."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Sorter:
    """Detections, tracks and pick targets of one camera over one belt.

    ``process`` and ``add_belt_sample`` may be called from different threads; ``process`` from one at a time.

    Args:
        detector: finds items in an image.
        config: all settings; those marked live may be changed with ``configure``.
        read_belt: called before the belt's motion is asked for; passes readings that wait to ``add_belt_sample``.
    """

    def __init__(self, detector: ItemDetector, config: Config, read_belt: Callable[[], None] | None = None) -> None:
        self._detector = detector
        self._read_belt = read_belt or (lambda: None)
        self._config = config
        self._belt_lock = threading.Lock()
        self._belt = BeltMotion(config.belt)
        self._texture = BeltTexture()
        self._belt_events: dict[str, Status] = {}
        self._tracker = Tracker(tuple(detector.label_names), config.picking.max_height)
        self._trigger = TravelTrigger()
        self._camera: Camera | None = None
        self._last_stamp_ns: int | None = None

    def configure(self, config: Config) -> None:
        """Take live changes of settings; tracks are kept."""
        with self._belt_lock:
            self._belt.configure(config.belt)
        self._tracker.max_height_m = config.picking.max_height
        self._config = config

    def reset(self) -> None:
        """Forget tracks and belt readings, as for a new stream; track numbers go on."""
        with self._belt_lock:
            self._belt.reset()
            self._belt_events.clear()
        self._tracker.reset()
        self._trigger.reset()
        self._last_stamp_ns = None

    def add_belt_sample(self, sample: BeltSample) -> Status | None:
        """Take a reading of the belt's motion; what is wrong with it is returned and reported with the next frame."""
        with self._belt_lock:
            status = self._belt.add(sample)
            if status is not None:
                self._belt_events[status.name] = status
        return status

    def process(self, frame: Frame) -> SortResult:
        """Sort one frame.

        Whatever is missing for locating items (camera_info, pose, belt motion) is named in ``statuses``; detections
        are there all the same, tracks and picks are empty, and the next good frame goes on. With
        ``inference.trigger: belt_travel`` the network looks at few frames; tracks and picks come out at every one.
        """
        started = time.perf_counter()
        looks = self._must_look(frame)
        begun = time.perf_counter()
        detections = self._detector.detect(frame.image_bgr) if looks else Detections.empty(self._detector.label_names)
        detected = time.perf_counter()
        self._read_belt()
        statuses: list[Status] = []
        tracking = Tracking(np.zeros(len(detections), np.int64), (), {})
        forecast: Forecast | None = None
        try:
            statuses.extend(self._check_time(frame.stamp_ns))
            tracking, forecast = self._track(frame, detections if looks else None, statuses)
        except _NotNow as reason:
            statuses.append(reason.status)
        tracked = time.perf_counter()
        picks: tuple[PickTarget, ...] = ()
        rejections: tuple[Rejection, ...] = ()
        if forecast is not None and not forecast.stopped:
            picks, rejections = plan_picks(tracking.tracks, forecast, self._config.picking, tracking.blocked)
        planned = time.perf_counter()
        return SortResult(
            stamp_ns=frame.stamp_ns,
            detections=detections,
            track_ids=tracking.track_ids,
            tracks=tracking.tracks,
            picks=picks,
            rejections=rejections,
            statuses=tuple(statuses),
            stages_ms={
                **({"detect": (detected - begun) * 1e3} if looks else {}),
                "track": (tracked - detected + begun - started) * 1e3,
                "plan": (planned - tracked) * 1e3,
            },
            looked=looks,
        )

    def _must_look(self, frame: Frame) -> bool:
        """Whether the network runs on this frame; always, where it is not known how far the belt has moved."""
        inference, picking = self._config.inference, self._config.picking
        last_ns = self._last_stamp_ns
        if inference.trigger == "every_frame" or last_ns is None or frame.stamp_ns <= last_ns:
            return True
        self._read_belt()
        try:
            camera = self._camera_of(frame)
        except _NotNow:
            return True
        with self._belt_lock:
            position = self._belt.position(frame.stamp_ns)
        if not isinstance(position, BeltPosition):
            self._trigger.reset()
            return True
        step_m = self._trigger.step_of(
            camera,
            picking.max_height,
            (picking.reach_min, picking.reach_max),
            inference.longest_item,
            inference.views_per_item,
        )
        return self._trigger.is_due(frame.stamp_ns, position.metres, step_m)

    def _check_time(self, stamp_ns: int) -> list[Status]:
        last = self._last_stamp_ns
        if last is None or stamp_ns > last:
            self._last_stamp_ns = stamp_ns
            return []
        back_s = (last - stamp_ns) * 1e-9
        if back_s < _TIME_RESTART_S:
            raise _NotNow(
                Status(
                    "stamp_backwards",
                    Level.WARN,
                    f"the frame is {back_s * 1e3:.1f} ms older than the one before; not tracked. Stamps must grow",
                )
            )
        self._tracker.reset()
        self._trigger.reset()
        self._last_stamp_ns = stamp_ns
        return [Status("stamp_backwards", Level.WARN, f"time jumped {back_s:.2f} s back; all tracks were dropped")]

    def _track(
        self, frame: Frame, detections: Detections | None, statuses: list[Status]
    ) -> tuple[Tracking, Forecast | None]:
        """Tracks and forecast at a frame; ``detections`` is None where the network did not look."""
        with self._belt_lock:
            statuses.extend(self._belt_events.values())
            self._belt_events.clear()
        camera = self._camera_of(frame)
        if self._config.belt.motion == "texture" and detections is not None:
            self._read_texture(frame, detections, camera, statuses)
        with self._belt_lock:
            position = self._belt.position(frame.stamp_ns)
            forecast = self._belt.forecast(frame.stamp_ns)
        if not isinstance(position, BeltPosition) or not isinstance(forecast, Forecast):
            known = {status.name for status in statuses}
            statuses.extend(s for s in (position,) if isinstance(s, Status) and s.name not in known)
            return Tracking(np.zeros(len(detections or ()), np.int64), (), {}), None
        if detections is None:
            tracking = self._tracker.foretell(frame.stamp_ns, position, camera)
        else:
            views = view_detections(detections, camera, self._depth_of(frame, statuses))
            tracking = self._tracker.update(frame.stamp_ns, views, position, camera, self._config.picking.pick_line)
            self._trigger.looked(frame.stamp_ns, position.metres, tracking.slipping)
        if forecast.stopped:
            statuses.append(
                Status(
                    "belt_stopped",
                    Level.OK,
                    f"the belt stands ({forecast.velocity_mps:.3f} m/s by {forecast.source}); nothing is offered",
                )
            )
        return tracking, forecast

    def _read_texture(self, frame: Frame, detections: Detections, camera: Camera, statuses: list[Status]) -> None:
        """Measure the belt's motion in the picture itself."""
        answer: float | Status | None
        answer = self._texture.update(frame.stamp_ns, frame.image_bgr, detections.boxes_xyxy, camera)
        if not isinstance(answer, Status):
            with self._belt_lock:
                answer = self._belt.add_texture(frame.stamp_ns, answer)
        statuses.extend([answer] if answer is not None else [])

    def _depth_of(self, frame: Frame, statuses: list[Status]) -> FloatArray | None:
        if frame.depth_m is None:
            return None
        if frame.depth_m.shape != frame.image_bgr.shape[:2]:
            statuses.append(
                Status(
                    "depth_size",
                    Level.WARN,
                    f"the depth image is {frame.depth_m.shape}, the camera image {frame.image_bgr.shape[:2]}; depth is "
                    "not used. Align it to the camera image",
                )
            )
            return None
        return frame.depth_m

    def _camera_of(self, frame: Frame) -> Camera:
        """The camera of this frame; raises _NotNow where there is none to measure with."""
        intrinsics = frame.intrinsics
        if intrinsics is None:
            raise _NotNow(
                Status(
                    "no_camera_info",
                    Level.ERROR,
                    "no camera_info has arrived, so nothing can be located; calibrate the camera and let its driver "
                    "publish camera_info",
                )
            )
        if tuple(intrinsics.size_hw) != frame.image_bgr.shape[:2]:
            raise _NotNow(
                Status(
                    "camera_info_size",
                    Level.ERROR,
                    f"camera_info is for {tuple(intrinsics.size_hw)} (height, width), the image is "
                    f"{frame.image_bgr.shape[:2]}; they must be the same",
                )
            )
        pose = frame.camera_in_belt or self._configured_pose()
        if self._camera is None or not _same_camera(self._camera, intrinsics, pose):
            try:
                self._camera = _checked_camera(Camera(intrinsics, pose))
            except CameraError as error:
                self._camera = None
                raise _NotNow(Status(error.name, Level.ERROR, str(error))) from error
        return self._camera

    def _configured_pose(self) -> Pose:
        config = self._config.camera
        if config.extrinsics == "tf":
            raise _NotNow(
                Status(
                    "no_camera_pose",
                    Level.ERROR,
                    "TF has no transform from the camera's frame to the belt at the image's stamp; publish it, or set "
                    "camera.extrinsics to 'parameter'",
                )
            )
        return pose_from_quaternion(config.position, config.orientation)


def _same_camera(camera: Camera, intrinsics: CameraIntrinsics, pose: Pose) -> bool:
    known = camera.intrinsics
    if intrinsics is not known and not (
        known.size_hw == intrinsics.size_hw
        and known.model == intrinsics.model
        and np.array_equal(known.k, intrinsics.k)
        and np.array_equal(known.distortion, intrinsics.distortion)
    ):
        return False
    held = camera.camera_in_belt
    return np.array_equal(held.rotation, pose.rotation) and np.array_equal(held.translation, pose.translation)


def _checked_camera(camera: Camera) -> Camera:
    """The camera, if it stands above the belt and looks at it; raises CameraError ``belt_behind_camera``."""
    height, width = camera.intrinsics.size_hw
    centre = camera.to_plane([[0.5 * (width - 1), 0.5 * (height - 1)]], 0.0)
    if camera.camera_in_belt.translation[2] <= 0.0 or not np.isfinite(centre).all():
        raise CameraError(
            "belt_behind_camera",
            f"the camera at {camera.camera_in_belt.translation.tolist()} m does not look at the belt plane z = 0; "
            "check camera.position and camera.orientation (the optical frame's z axis points into the scene)",
        )
    return camera

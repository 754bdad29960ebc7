"""The camera's pose, the belt's motion and the encoder's clock from boards rendered with the project's own camera."""

import dataclasses
import math
import os
import threading
import time

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from rendered_board import BoardCamera

from spp_sorter import cli
from spp_sorter.config import Config
from spp_sorter.geometry import board as board_module
from spp_sorter.geometry.board import Board, CalibrationError, board_image, find_board
from spp_sorter.geometry.board_calibration import calibrate
from spp_sorter.geometry.board_motion import fit_encoder, fit_motion
from spp_sorter.geometry.camera import pose_from_quaternion
from spp_sorter.ros.parameter_files import read_parameters
from spp_sorter.simulation.scene_config import camera_pose, default_intrinsics
from spp_sorter.values import BeltSample, CameraIntrinsics

CHARUCO = Board("charuco", 7, 5, 0.06, 0.045)
CHESSBOARD = Board("chessboard", 9, 6, 0.045)
INTRINSICS = default_intrinsics((480, 640))
TILTED = camera_pose(0.95, 0.1, -0.08, 0.15, 0.0, 0.0)
START_NS = 1_700_000_000_000_000_000


def middle_of_view(pose):
    """x, y of the belt where the optical axis meets it."""
    axis = pose.rotation[:, 2]
    return pose.translation[:2] - axis[:2] / axis[2] * pose.translation[2]


def errors(found, true):
    """Distance in mm and angle in degrees between two poses."""
    turn = found.rotation.T @ true.rotation
    angle = math.degrees(math.acos(min(1.0, (np.trace(turn) - 1.0) / 2.0)))
    return 1e3 * float(np.linalg.norm(found.translation - true.translation)), angle


def braking(seconds):
    """A belt that runs at 0.4 m/s, stops at about 0.75 s and starts again at about 1.3 s."""
    times = np.array([0.0, 0.6, 0.9, 1.2, 1.5, 3.0])
    speeds = np.array([0.4, 0.4, 0.0, 0.0, 0.4, 0.4])
    grid = np.linspace(-1.0, 3.0, 8001)
    positions = np.concatenate([[0.0], np.cumsum(np.interp(grid[1:] - 0.00025, times, speeds) * np.diff(grid))])
    return float(np.interp(seconds, grid, positions) - np.interp(0.0, grid, positions))


def ride(camera, board, pose, position_m, stamps_s):
    """A board that rides through the view, seen at some moments."""
    x, y = middle_of_view(pose)
    return [
        find_board(camera.picture(x - 0.2 + position_m(s), y + 0.02, 0.07, seed=i), board, START_NS + round(s * 1e9))
        for i, s in enumerate(stamps_s)
    ]


@pytest.fixture(scope="module")
def tilted_camera():
    return BoardCamera(CHARUCO, INTRINSICS, TILTED)


@pytest.fixture(scope="module")
def braking_ride(tilted_camera):
    return ride(tilted_camera, CHARUCO, TILTED, braking, np.arange(12) * 0.17)


def encoder(position_m, offset_s=0.0, scale=1.0, rate=100.0):
    return [
        BeltSample(START_NS + round((k / rate - offset_s) * 1e9), position_m(k / rate) / scale) for k in range(-40, 260)
    ]


def test_a_ride_gives_pose_and_clock(braking_ride):
    found = calibrate(braking_ride, CHARUCO, INTRINSICS, encoder(braking, offset_s=0.023, scale=1.01))
    distance_mm, angle_deg = errors(found.camera_in_belt, TILTED)
    assert distance_mm < 1.0
    assert angle_deg < 0.1
    assert found.encoder.offset_s == pytest.approx(0.023, abs=0.002)
    assert found.encoder.scale == pytest.approx(1.01, abs=0.002)
    assert not found.motion.steady
    assert found.plane.rms_px < 0.3


def test_a_steady_ride_gives_the_speed_but_no_clock(tilted_camera):
    sights = ride(tilted_camera, CHARUCO, TILTED, lambda s: 0.5 * s, np.arange(8) * 0.1)
    found = calibrate(sights, CHARUCO, INTRINSICS, encoder(lambda s: 0.5 * s, offset_s=0.02))
    assert found.motion.steady
    assert found.motion.speed_mps == pytest.approx(0.5, rel=0.005)
    assert found.encoder is None
    assert "Start or stop the belt" in found.notes[0]
    assert max(errors(found.camera_in_belt, TILTED)) < 1.0


@pytest.mark.parametrize("turn", [0.0, math.pi])
def test_a_chessboard_that_lies_still_gives_the_pose_whichever_way_round_it_lies(turn):
    pose = camera_pose(0.9, 0.05, 0.08, 0.0)
    camera = BoardCamera(CHESSBOARD, INTRINSICS, pose)
    x, y = middle_of_view(pose)
    places = [(0.0, 0.0), (0.12, -0.06), (-0.1, 0.05)]
    sights = [find_board(camera.picture(x + dx, y + dy, turn, 0.005), CHESSBOARD) for dx, dy in places]
    found = calibrate(sights, CHESSBOARD, INTRINSICS, thickness_m=0.005, towards="right")
    distance_mm, angle_deg = errors(found.camera_in_belt, pose)
    assert distance_mm < 1.0
    assert angle_deg < 0.1
    assert found.motion is None


@pytest.mark.parametrize(
    ("model", "distortion"),
    [("equidistant", [0.02, -0.01, 0.003, 0.0]), ("rational_polynomial", [0.1, -0.05, 1e-3, -5e-4, 0, 0.12, 0, 0])],
)
def test_other_lenses_give_the_pose_too(model, distortion):
    k = np.array([[500.0, 0, 320.0], [0, 505.0, 236.0], [0, 0, 1]])
    intrinsics = CameraIntrinsics((480, 640), k, np.array(distortion, float), model)
    camera = BoardCamera(CHARUCO, intrinsics, TILTED)
    x, y = middle_of_view(TILTED)
    sights = [find_board(camera.picture(x + dx, y, 0.0), CHARUCO) for dx in (-0.12, 0.0, 0.12)]
    belt = calibrate(sights, CHARUCO, intrinsics).camera_in_belt
    assert abs(belt.translation[2] - TILTED.translation[2]) < 1e-3
    tilt = math.degrees(math.acos(float(np.clip(belt.rotation[2] @ TILTED.rotation[2], -1, 1))))
    assert tilt < 0.1


def test_the_origin_may_be_the_board(tilted_camera):
    x, y = middle_of_view(TILTED)
    sight = find_board(tilted_camera.picture(x + 0.1, y, 0.0), CHARUCO)
    under = calibrate([sight], CHARUCO, INTRINSICS).camera_in_belt.translation
    on_board = calibrate([sight], CHARUCO, INTRINSICS, origin="board").camera_in_belt.translation
    assert under[:2] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert on_board[:2] == pytest.approx([-(x + 0.1), -y], abs=3e-3)


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"dictionary": "DICT_4X4_50"}, "no_board", "no marker of DICT_4X4_50"),
        ({"columns": 5, "rows": 3}, "no_board", "do not belong to a board of 5 x 3"),
    ],
)
def test_another_board_is_named(tilted_camera, changes, name, text):
    x, y = middle_of_view(TILTED)
    with pytest.raises(CalibrationError, match=text) as refused:
        find_board(tilted_camera.picture(x, y, 0.0), dataclasses.replace(CHARUCO, **changes))
    assert refused.value.name == name


def test_no_board_and_half_a_board_are_named(tilted_camera):
    with pytest.raises(CalibrationError, match="no marker"):
        find_board(np.full((480, 640), 90, np.uint8), CHARUCO)
    with pytest.raises(CalibrationError, match="no chessboard of 9 x 6"):
        find_board(np.full((480, 640), 90, np.uint8), CHESSBOARD)
    x, y = middle_of_view(TILTED)
    with pytest.raises(CalibrationError, match="corners were found") as refused:
        find_board(tilted_camera.picture(x - 0.62, y, 0.0), CHARUCO)
    assert refused.value.name == "bad_board"


def test_a_print_that_was_fitted_to_the_page_is_refused():
    pose = camera_pose(0.9, 0.05, 0.05)
    camera = BoardCamera(CHARUCO, INTRINSICS, pose, stretch=1.03)
    x, y = middle_of_view(pose)
    sights = [find_board(camera.picture(x + dx, y, 0.1), CHARUCO) for dx in (-0.1, 0.1)]
    with pytest.raises(CalibrationError, match=r"3\.\d % longer from top to bottom") as refused:
        calibrate(sights, CHARUCO, INTRINSICS)
    assert refused.value.name == "bad_board"


def test_a_bent_board_is_refused(tilted_camera):
    x, y = middle_of_view(TILTED)
    sight = find_board(tilted_camera.picture(x, y, 0.0), CHARUCO)
    bent = sight.pixels_xy + np.stack([5.0 * np.sin(25 * sight.board_m[:, 0]), 0 * sight.board_m[:, 0]], 1)
    with pytest.raises(CalibrationError, match="bent, not flat"):
        calibrate([dataclasses.replace(sight, pixels_xy=bent)], CHARUCO, INTRINSICS)


def test_views_that_tell_too_little_are_refused(tilted_camera):
    x, y = middle_of_view(TILTED)
    sight = find_board(tilted_camera.picture(x, y, 0.0), CHARUCO)
    line = sight.board_m[:, 1] == sight.board_m[0, 1]
    one_row = dataclasses.replace(sight, board_m=sight.board_m[line], pixels_xy=sight.pixels_xy[line])
    with pytest.raises(CalibrationError, match="nearly on one line"):
        calibrate([one_row], CHARUCO, INTRINSICS)
    tiny = dataclasses.replace(sight, pixels_xy=300.0 + 0.1 * (sight.pixels_xy - 300.0))
    with pytest.raises(CalibrationError, match="Use a larger board") as refused:
        calibrate([tiny], CHARUCO, INTRINSICS)
    assert refused.value.name == "degenerate_view"
    small = dataclasses.replace(sight, pixels_xy=300.0 + 0.3 * (sight.pixels_xy - 300.0))
    noisy = small.pixels_xy + np.random.default_rng(0).normal(0, 0.3, small.pixels_xy.shape)
    with pytest.raises(CalibrationError, match="in doubt by"):
        calibrate([dataclasses.replace(small, pixels_xy=noisy)], CHARUCO, INTRINSICS)


def test_a_board_that_slides_or_turns_is_refused():
    stamps = [START_NS + k * 100_000_000 for k in range(8)]
    straight = np.stack([np.linspace(0, 0.4, 8), np.zeros(8), np.zeros(8)], 1)
    assert fit_motion(straight, stamps).speed_mps == pytest.approx(0.4 / 0.7)
    turning = straight + np.outer(np.linspace(0, 0.05, 8), [0, 0, 1])
    with pytest.raises(CalibrationError, match=r"turned by 2\.9 deg"):
        fit_motion(turning, stamps)
    sliding = straight.copy()
    sliding[4:, 1] += 0.02
    with pytest.raises(CalibrationError, match="left its line"):
        fit_motion(sliding, stamps)
    with pytest.raises(CalibrationError, match="at least 5"):
        fit_motion(straight[:3], stamps[:3])
    with pytest.raises(CalibrationError, match="stamps do not grow"):
        fit_motion(straight, [START_NS] * 8)


def test_encoders_that_tell_no_clock_are_refused():
    stamps = [START_NS + round(s * 1e9) for s in np.arange(20) * 0.1]
    along = np.array([braking(s) for s in np.arange(20) * 0.1])
    fit = fit_encoder(along, stamps, encoder(braking, offset_s=-0.04, rate=50.0))
    assert fit.offset_s == pytest.approx(-0.04, abs=0.002)
    with pytest.raises(CalibrationError, match="at least 10"):
        fit_encoder(along, stamps, encoder(braking)[:5])
    with pytest.raises(CalibrationError, match="not recorded while the board rode by"):
        fit_encoder(along, stamps, encoder(braking, offset_s=-1000.0))
    with pytest.raises(CalibrationError, match="slips, restarts"):
        fit_encoder(along + np.where(np.arange(20) > 10, 0.03, 0.0), stamps, encoder(braking))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "circles"}, "charuco, chessboard"),
        ({"columns": 2}, "3 to 60"),
        ({"square_m": 0.0}, "0.002 to 1 m"),
        ({"marker_m": 0.07}, "and smaller"),
    ],
)
def test_boards_that_are_none_are_named(changes, text):
    with pytest.raises(CalibrationError, match=text):
        dataclasses.replace(CHARUCO, **changes)
    with pytest.raises(CalibrationError, match="DICT_5X5_100"):
        find_board(np.zeros((50, 50), np.uint8), dataclasses.replace(CHARUCO, dictionary="DICT_9"))


def test_the_functions_of_older_opencv_find_the_same_corners(tilted_camera, monkeypatch):
    """OpenCV 4.6 has no CharucoDetector; its functions are still there in the wheels of contrib."""
    if not hasattr(cv2.aruco, "interpolateCornersCharuco"):
        pytest.skip("this OpenCV has the newer functions only")
    x, y = middle_of_view(TILTED)
    picture = tilted_camera.picture(x, y, 0.0)
    newer = find_board(picture, CHARUCO)

    class Older:
        def __getattr__(self, name):
            if name == "CharucoDetector":
                raise AttributeError(name)
            return getattr(cv2.aruco, name)

    monkeypatch.setattr(board_module, "_aruco", Older)
    older = find_board(picture, CHARUCO)
    assert len(older.board_m) == len(newer.board_m)
    assert np.abs(older.pixels_xy - newer.pixels_xy).max() < 0.5


def write_info(path, intrinsics):
    k, d = intrinsics.k, intrinsics.distortion
    content = {
        "image_width": intrinsics.size_hw[1],
        "image_height": intrinsics.size_hw[0],
        "camera_matrix": {"rows": 3, "cols": 3, "data": k.ravel().tolist()},
        "distortion_model": intrinsics.model,
        "distortion_coefficients": {"rows": 1, "cols": len(d), "data": d.tolist()},
    }
    path.write_text(yaml.safe_dump(content))
    return path


BOARD_WORDS = ["--squares", "7x5", "--square", "0.06", "--marker", "0.045"]


def test_pictures_become_parameters_that_the_node_loads(tilted_camera, tmp_path, capsys):
    x, y = middle_of_view(TILTED)
    for i, dx in enumerate((-0.12, 0.0, 0.12)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), tilted_camera.picture(x + dx, y, 0.15, seed=i))
    info = write_info(tmp_path / "camera.yaml", INTRINSICS)
    out = tmp_path / "cell.yaml"
    words = ["calibrate", str(tmp_path), "--camera-info", str(info), "--out", str(out), *BOARD_WORDS]
    assert cli.main(words) == 0
    assert "board found in 3 of 3 pictures" in capsys.readouterr().out
    config = Config.from_flat(read_parameters(out))
    pose = pose_from_quaternion(config.camera.position, config.camera.orientation)
    assert pose.translation[2] == pytest.approx(TILTED.translation[2], abs=1e-3)
    assert cv2.imread(str(tmp_path / "cell.png")).shape == (480, 640, 3)


def test_a_bag_of_a_ride_becomes_parameters(tilted_camera, tmp_path, capsys):
    pytest.importorskip("rclpy")
    from sensor_msgs.msg import JointState

    from spp_sorter.ros import messages
    from spp_sorter.ros.bags import BagWriter

    x, y = middle_of_view(TILTED)
    with BagWriter(tmp_path / "ride.mcap") as bag:
        rows = [("encoder", sample.stamp_ns, sample) for sample in encoder(braking, offset_s=0.02)]
        rows += [("image", START_NS + round(s * 1e9), s) for s in np.arange(10) * 0.2]
        for kind, stamp_ns, content in sorted(rows, key=lambda row: row[1]):
            header = messages.make_header(stamp_ns, "camera")
            if kind == "encoder":
                joint = JointState(header=header, name=["belt"], position=[float(content.position_m)])
                bag.write_message("/belt_encoder", joint, stamp_ns)
                continue
            grey = tilted_camera.picture(x - 0.2 + braking(content), y, 0.0)
            image = messages.bgr_to_image(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), header)
            bag.write_message("/image", image, stamp_ns)
            bag.write_message("/camera_info", messages.intrinsics_to_camera_info(INTRINSICS, header), stamp_ns)
    out = tmp_path / "cell.yaml"
    assert cli.main(["calibrate", str(tmp_path / "ride.mcap"), "--out", str(out), *BOARD_WORDS]) == 0
    values = read_parameters(out)
    config = Config.from_flat(values)
    assert config.belt.encoder_offset == pytest.approx(0.02, abs=0.002)
    assert "belt.speed" not in values
    pose = pose_from_quaternion(config.camera.position, config.camera.orientation)
    assert max(errors(pose, TILTED)) < 1.0
    assert "camera stamps minus encoder stamps: " in capsys.readouterr().out


def test_a_live_camera_is_watched(tilted_camera, tmp_path, monkeypatch):
    rclpy = pytest.importorskip("rclpy")
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import CameraInfo, Image

    from spp_sorter.ros import messages

    x, y = middle_of_view(TILTED)
    picture = cv2.cvtColor(tilted_camera.picture(x, y, 0.0), cv2.COLOR_GRAY2BGR)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(os.getpid() % 100 + 1))
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("board_camera", context=context)
    images, infos = (
        node.create_publisher(Image, "cam/image", 5),
        node.create_publisher(CameraInfo, "cam/camera_info", 5),
    )

    def publish():
        header = messages.make_header(time.time_ns(), "camera")
        images.publish(messages.bgr_to_image(picture, header))
        infos.publish(messages.intrinsics_to_camera_info(INTRINSICS, header))

    node.create_timer(0.2, publish)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    out = tmp_path / "cell.yaml"
    try:
        words = ["calibrate", "--live", "--seconds", "3", "--image-topic", "cam/image", "--out", str(out), *BOARD_WORDS]
        assert cli.main(words) == 0
    finally:
        executor.shutdown()
        spinner.join(5.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert Config.from_flat(read_parameters(out)).camera.position[2] == pytest.approx(0.95, abs=2e-3)


def test_what_cannot_be_read_or_found_is_told_in_one_line(tmp_path, capsys):
    assert cli.main(["calibrate"]) == 2
    assert "give pictures, a bag, or --live" in capsys.readouterr().err
    assert cli.main(["calibrate", str(tmp_path)]) == 2
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((480, 640, 3), 90, np.uint8))
    assert cli.main(["calibrate", str(tmp_path)]) == 2
    assert "--camera-info YAML" in capsys.readouterr().err
    info = write_info(tmp_path / "camera.yaml", INTRINSICS)
    assert cli.main(["calibrate", str(tmp_path), "--camera-info", str(info)]) == 1
    assert "no_board: " in (said := capsys.readouterr().err) and "no marker of DICT_5X5_100" in said
    (tmp_path / "bad.yaml").write_text("image_width: 3")
    assert cli.main(["calibrate", str(tmp_path), "--camera-info", str(tmp_path / "bad.yaml")]) == 2
    assert "is no camera_info file" in capsys.readouterr().err
    assert cli.main(["calibrate", "--squares", "seven", "--print", str(tmp_path / "b.png")]) == 2
    assert "COLUMNSxROWS" in capsys.readouterr().err


def test_a_printed_board_is_found_in_its_own_print(tmp_path, capsys):
    path = tmp_path / "board.png"
    assert cli.main(["calibrate", "--print", str(path), *BOARD_WORDS]) == 0
    said = capsys.readouterr().out
    assert "420 x 300 mm" in said and "a sheet of 480 x 360 mm at 300 pixels an inch" in said
    assert Image.open(path).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert cli.main(["calibrate", "--print", str(tmp_path / "board.txt"), *BOARD_WORDS]) == 2
    assert "allowed: .png, .jpg, .tif" in capsys.readouterr().err
    printed = cv2.resize(cv2.imread(str(path)), None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    assert len(find_board(printed, CHARUCO).board_m) == 24
    assert board_image(CHESSBOARD, 20).shape == (7 * 20, 10 * 20)

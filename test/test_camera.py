import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spp_sorter.geometry.camera import Camera, CameraError, pose_from_quaternion, quaternion_from_rotation
from spp_sorter.geometry.pose import rotation_from_quaternion
from spp_sorter.values import CameraIntrinsics, Pose

NUM_CAMERAS = 1000
MODELS = ("plumb_bob", "rational_polynomial", "equidistant")


def intrinsics(distortion=(), model="plumb_bob", k=((640.0, 0, 320), (0, 640.0, 240), (0, 0, 1))):
    return CameraIntrinsics((480, 640), np.array(k, float), np.array(distortion, float), model)


def above_the_belt(distortion=(-0.08, 0.02, 0, 0, 0), model="plumb_bob"):
    return Camera(intrinsics(distortion, model), pose_from_quaternion([0, 0, 1], [1, 0, 0, 0]))


def random_camera(rng, model):
    """A camera as calibrations give them: from near tele to wide, distorted by up to some tens of percent."""
    width = int(rng.integers(160, 4097))
    height = int(width * rng.uniform(0.4, 1.0))
    f = width * rng.uniform(0.5, 3.0)
    k = np.array([[f, 0, width * rng.uniform(0.4, 0.6)], [0, f * rng.uniform(0.9, 1.1), height / 2], [0, 0, 1]])
    if model == "equidistant":
        distortion = rng.uniform(-1, 1, 4) * [0.1, 0.05, 0.01, 0.005]
    else:
        distortion = rng.uniform(-1, 1, 5) * [0.3, 0.1, 0.003, 0.003, 0.03]
        if model == "rational_polynomial":
            more = rng.uniform(-1, 1, 7) * [0.15, 0.05, 0.02, 0.002, 0.002, 0.002, 0.002]
            distortion = np.concatenate([distortion, more])[: rng.choice([5, 8, 12])]
    rotation = rotation_from_quaternion(rng.normal(size=4))
    pose = Pose(rotation, rng.uniform(-3, 3, 3))
    return Camera(CameraIntrinsics((height, width), k, distortion, model), pose)


def project_by_opencv(camera, points_belt):
    """[N, 2] pixels of points in ``belt``, as OpenCV computes them."""
    belt_in_camera = camera.camera_in_belt.rotation.T
    rvec, _ = cv2.Rodrigues(belt_in_camera)
    tvec = -belt_in_camera @ camera.camera_in_belt.translation
    k, distortion = camera.intrinsics.k, camera.intrinsics.distortion
    points = np.ascontiguousarray(points_belt, np.float64).reshape(-1, 1, 3)
    if camera.intrinsics.model == "equidistant":
        return cv2.fisheye.projectPoints(points, rvec, tvec, k, distortion)[0].reshape(-1, 2)
    return cv2.projectPoints(points, rvec, tvec, k, distortion)[0].reshape(-1, 2)


@pytest.mark.parametrize("model", MODELS)
def test_thousands_of_random_cameras_project_as_opencv_does_and_back(model):
    rng = np.random.default_rng(MODELS.index(model))
    ours, theirs = [], []
    for _ in range(NUM_CAMERAS):
        camera = random_camera(rng, model)
        height, width = camera.intrinsics.size_hw
        pixels = rng.uniform(0, 1, (8, 2)) * [width, height]
        origin, directions = camera.rays(pixels)
        found = np.isfinite(directions[:, 0])
        points = origin + directions[found] * rng.uniform(0.2, 5.0, (8, 1))[found]
        ours.append(camera.project(points) - pixels[found])
        theirs.append(project_by_opencv(camera, points) - pixels[found] if found.any() else ours[-1])
    ours, theirs = np.concatenate(ours), np.concatenate(theirs)
    assert np.abs(ours).max() < 1e-6
    assert np.abs(theirs).max() < 1e-6
    # The rest are pixels that no ray reaches, because the polynomial folds back before: a barrel too strong.
    assert len(ours) > 0.9 * 8 * NUM_CAMERAS


@pytest.mark.parametrize("model", MODELS)
def test_points_go_to_opencvs_pixels_and_their_rays_come_back(model):
    rng = np.random.default_rng(10 + MODELS.index(model))
    pixel_errors, ray_errors = [], []
    for _ in range(200):
        camera = random_camera(rng, model)
        depth = rng.uniform(0.3, 4.0, (20, 1))
        in_camera = np.concatenate([rng.uniform(-0.6, 0.6, (20, 2)) * depth, depth], axis=1)
        points = in_camera @ camera.camera_in_belt.rotation.T + camera.camera_in_belt.translation
        pixels = camera.project(points)
        seen = np.isfinite(pixels[:, 0])
        pixel_errors.append((pixels - project_by_opencv(camera, points))[seen])
        origin, directions = camera.rays(pixels[seen])
        offset = points[seen] - origin
        ray_errors.append(np.linalg.norm(offset - (offset * directions).sum(1, keepdims=True) * directions, axis=1))
    pixel_errors, ray_errors = np.concatenate(pixel_errors), np.concatenate(ray_errors)
    assert len(pixel_errors) > 0.9 * 20 * 200
    assert np.abs(pixel_errors).max() < 1e-6
    # A few lie so close to the fold that neighbouring angles share a pixel.
    assert np.isfinite(ray_errors).mean() > 0.99
    assert np.nanpercentile(ray_errors, 99) < 1e-9


@pytest.mark.parametrize("model", MODELS)
def test_undistortion_agrees_with_opencv_for_a_usual_lens(model):
    distortion = {"plumb_bob": [-0.2, 0.05, 0.001, -0.001, 0.0], "equidistant": [0.02, -0.01, 0.002, 0.0]}.get(
        model, [-0.2, 0.05, 0.001, -0.001, 0.0, 0.05, 0.01, 0.0]
    )
    camera = Camera(intrinsics(distortion, model), Pose(np.eye(3), np.zeros(3)))
    rng = np.random.default_rng(3)
    pixels = rng.uniform([0, 0], [640, 480], (200, 2))
    _, directions = camera.rays(pixels)
    given = pixels.reshape(-1, 1, 2)
    k, d = camera.intrinsics.k, camera.intrinsics.distortion
    undistort = cv2.fisheye.undistortPoints if model == "equidistant" else cv2.undistortPoints
    theirs = undistort(given, k, d)
    # OpenCV stops its iterations early by default; ours is held to 1e-6 px by the round trip above.
    np.testing.assert_allclose(directions[:, :2] / directions[:, 2:], theirs.reshape(-1, 2), rtol=0, atol=2e-4)


def test_the_default_cell_looks_straight_down_with_image_right_along_the_belt():
    camera = above_the_belt(())
    points = camera.to_plane([[320, 240], [320 + 64, 240], [320, 240 + 64]], 0.0)
    np.testing.assert_allclose(points, [[0, 0, 0], [0.1, 0, 0], [0, -0.1, 0]], atol=1e-12)


def test_an_item_with_height_lies_nearer_to_the_axis_than_its_pixel_says():
    camera = above_the_belt(())
    pixel = camera.project([[0.25, 0.0, 0.035]])
    on_belt = camera.to_plane(pixel, 0.0)
    assert on_belt[0, 0] - 0.25 == pytest.approx(0.25 * 0.035 / (1 - 0.035))
    np.testing.assert_allclose(camera.to_plane(pixel, 0.035), [[0.25, 0.0, 0.035]], atol=1e-12)


@given(
    arrays(np.float64, (5, 2), elements=st.floats(0, 480)),
    arrays(np.float64, 5, elements=st.floats(-0.1, 0.5)),
)
@settings(max_examples=50, deadline=None)
def test_planes_at_any_height_and_back(pixels, heights):
    camera = above_the_belt()
    points = camera.to_plane(pixels, heights)
    np.testing.assert_allclose(points[:, 2], heights)
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-6)


def test_what_the_camera_cannot_see_is_nan():
    camera = above_the_belt()
    assert np.isnan(camera.project([[0.0, 0.0, 1.5], [0.0, 0.0, 1.0]])).all()
    assert np.isnan(camera.to_plane([[320.0, 240.0]], 1.2)).all()
    level = Camera(intrinsics(), pose_from_quaternion([0, 0, 1], [0.7071067811865476, 0, 0, 0.7071067811865476]))
    looking_up = level.to_plane([[320.0, 100.0], [320.0, 400.0]], 0.0)
    assert np.isnan(looking_up).any(1).sum() == 1


def test_points_beyond_the_fold_of_the_polynomial_do_not_come_back_into_the_image():
    camera = Camera(intrinsics([-0.3, 0.0, 0.0, 0.0, 0.0]), Pose(np.eye(3), np.zeros(3)))
    far_out = np.array([[1.7, 0.0, 1.0]])
    folded = project_by_opencv(camera, far_out)
    assert 0 < folded[0, 0] < 640
    assert np.isnan(camera.project(far_out)).all()


def test_no_points_give_no_pixels():
    camera = above_the_belt()
    assert camera.project(np.zeros((0, 3))).shape == (0, 2)
    assert camera.to_plane(np.zeros((0, 2)), 0.0).shape == (0, 3)


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"k": np.zeros((3, 3))}, "camera_info_singular", "fx = 0"),
        ({"k": np.diag([640.0, -1.0, 1.0])}, "camera_info_singular", "fy = -1"),
        ({"k": np.full((3, 3), np.nan)}, "camera_info_invalid", "not finite"),
        ({"k": np.eye(4)}, "camera_info_invalid", "shape"),
        ({"k": np.array([[640.0, 0, 320], [0, 640, 240], [0, 0.1, 1]])}, "camera_info_invalid", "0 0 1"),
        ({"model": "mirror_ball"}, "camera_model_unknown", "plumb_bob, rational_polynomial, equidistant"),
        ({"distortion": np.zeros(3)}, "camera_info_invalid", "0 or 4 or 5"),
        ({"distortion": np.array([np.inf, 0, 0, 0, 0])}, "camera_info_invalid", "finite"),
        ({"model": "equidistant", "distortion": np.zeros(5)}, "camera_info_invalid", "0 or 4"),
    ],
)
def test_cameras_that_cannot_measure_are_refused_by_name(changes, name, text):
    values = {"size_hw": (480, 640), "k": intrinsics().k, "distortion": np.zeros(5), "model": "plumb_bob"}
    with pytest.raises(CameraError, match=text) as raised:
        Camera(CameraIntrinsics(**{**values, **changes}), Pose(np.eye(3), np.zeros(3)))
    assert raised.value.name == name


@pytest.mark.parametrize(
    ("rotation", "translation"),
    [
        (np.diag([1.0, 1.0, -1.0]), np.zeros(3)),
        (2 * np.eye(3), np.zeros(3)),
        (np.eye(3), np.array([0, 0, np.nan])),
        (np.eye(2), np.zeros(3)),
    ],
)
def test_poses_that_are_none_are_refused(rotation, translation):
    with pytest.raises(CameraError) as raised:
        Camera(intrinsics(), Pose(rotation, translation))
    assert raised.value.name == "camera_pose_invalid"


@pytest.mark.parametrize(("values", "shape"), [(np.zeros((4, 3)), "rays"), (np.zeros(2), "rays")])
def test_wrong_shapes_are_named(values, shape):
    with pytest.raises(ValueError, match=r"pixels_xy has shape .* allowed: \[N, 2\]"):
        getattr(above_the_belt(), shape)(values)


@given(arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.01))
@settings(max_examples=200, deadline=None)
def test_quaternions_go_to_rotations_and_back(quaternion):
    unit = quaternion / np.linalg.norm(quaternion)
    back = quaternion_from_rotation(pose_from_quaternion([0, 0, 0], quaternion).rotation)
    assert back[3] >= 0
    assert min(np.abs(back - unit).max(), np.abs(back + unit).max()) < 1e-7


def test_a_quarter_turn_about_z():
    half = np.sqrt(0.5)
    pose = pose_from_quaternion([1, 2, 3], [0, 0, half, half])
    np.testing.assert_allclose(pose.rotation @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_array_equal(pose.translation, [1, 2, 3])


@pytest.mark.parametrize("quaternion", [[0, 0, 0, 0], [0, 0, 1], [np.nan, 0, 0, 1]])
def test_quaternions_without_a_direction_are_refused(quaternion):
    with pytest.raises(ValueError, match="quaternion is"):
        pose_from_quaternion([0, 0, 0], quaternion)

"""Messages to values and back, on real rclpy messages, against OpenCV's own conversions."""

from __future__ import annotations

import array
import struct

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState, RegionOfInterest
from vision_msgs.msg import Detection2DArray, Detection3DArray

from spp_sorter.ros import images, messages
from spp_sorter.ros.messages import BadFrame
from spp_sorter.values import LABELS, CameraIntrinsics, Detections, PickTarget, Track

HEADER = messages.make_header(1_700_000_000_123_456_789, "camera_optical_frame")


def picture(height: int = 24, width: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([columns * 7, rows * 9, (rows + columns) * 4], axis=2)
    return np.random.default_rng(3).integers(0, 24, (height, width, 3)).astype(np.uint8) + smooth.astype(np.uint8)


def image(encoding: str, pixels: np.ndarray, height: int, padding: int = 0, big: bool = False) -> Image:
    """A message as a driver sends it: rows of ``pixels`` with ``padding`` bytes after each, through CDR."""
    rows = pixels.reshape(pixels.shape[0], -1)
    if big:
        rows = rows.astype(rows.dtype.newbyteorder(">"))
    raw = rows.view(np.uint8).reshape(rows.shape[0], -1)
    padded = np.full((raw.shape[0], raw.shape[1] + padding), 0xAB, np.uint8)
    padded[:, : raw.shape[1]] = raw
    message = Image(header=HEADER, encoding=encoding, height=height, width=pixels.shape[1], is_bigendian=int(big))
    message.step = padded.shape[1]
    message.data = array.array("B", padded.tobytes())
    return deserialize_message(serialize_message(message), Image)


BGR = picture()
GRAY = cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)
DEEP = (GRAY.astype(np.uint16) << 8) | 0x37
PACKED = {
    "bgr8": (BGR, BGR),
    "8UC3": (BGR, BGR),
    "rgb8": (cv2.cvtColor(BGR, cv2.COLOR_BGR2RGB), BGR),
    "bgra8": (cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA), BGR),
    "8UC4": (cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA), BGR),
    "rgba8": (cv2.cvtColor(BGR, cv2.COLOR_BGR2RGBA), BGR),
    "mono8": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_GRAY2BGR)),
    "8UC1": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_GRAY2BGR)),
    "bayer_rggb8": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_BayerBG2BGR)),
    "bayer_bggr8": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_BayerRG2BGR)),
    "bayer_gbrg8": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_BayerGR2BGR)),
    "bayer_grbg8": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_BayerGB2BGR)),
    "yuv422": (BGR[..., :2], cv2.cvtColor(np.ascontiguousarray(BGR[..., :2]), cv2.COLOR_YUV2BGR_UYVY)),
    "uyvy": (BGR[..., :2], cv2.cvtColor(np.ascontiguousarray(BGR[..., :2]), cv2.COLOR_YUV2BGR_UYVY)),
    "yuv422_yuy2": (BGR[..., :2], cv2.cvtColor(np.ascontiguousarray(BGR[..., :2]), cv2.COLOR_YUV2BGR_YUY2)),
    "yuyv": (BGR[..., :2], cv2.cvtColor(np.ascontiguousarray(BGR[..., :2]), cv2.COLOR_YUV2BGR_YUY2)),
    "nv12": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_YUV2BGR_NV12)),
    "nv21": (GRAY, cv2.cvtColor(GRAY, cv2.COLOR_YUV2BGR_NV21)),
}
DEEP_BGR = BGR.astype(np.uint16) * 257
WIDE = {
    "mono16": (DEEP, cv2.cvtColor(cv2.convertScaleAbs(DEEP, alpha=255 / 65535), cv2.COLOR_GRAY2BGR)),
    "bgr16": (DEEP_BGR, BGR),
    "rgb16": (np.ascontiguousarray(DEEP_BGR[..., ::-1]), BGR),
    "bayer_rggb16": (DEEP, cv2.convertScaleAbs(cv2.cvtColor(DEEP, cv2.COLOR_BayerBG2BGR), alpha=255 / 65535)),
    "bayer_bggr16": (DEEP, cv2.convertScaleAbs(cv2.cvtColor(DEEP, cv2.COLOR_BayerRG2BGR), alpha=255 / 65535)),
    "bayer_gbrg16": (DEEP, cv2.convertScaleAbs(cv2.cvtColor(DEEP, cv2.COLOR_BayerGR2BGR), alpha=255 / 65535)),
    "bayer_grbg16": (DEEP, cv2.convertScaleAbs(cv2.cvtColor(DEEP, cv2.COLOR_BayerGB2BGR), alpha=255 / 65535)),
}


def test_every_encoding_is_tested() -> None:
    assert set(PACKED) | set(WIDE) == set(messages.ENCODINGS)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", PACKED)
def test_8_bit_encodings_equal_opencv(encoding: str, padding: int) -> None:
    raw, expected = PACKED[encoding]
    height = raw.shape[0] * 2 // 3 if encoding.startswith("nv") else raw.shape[0]
    for big in (False, True):  # bytes have no order
        message = image(encoding, np.ascontiguousarray(raw), height, padding)
        message.is_bigendian = int(big)
        np.testing.assert_array_equal(messages.image_to_bgr(message), expected)


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "bgra8", "rgba8", "mono8"])
def test_what_cv_bridge_decodes_rightly_is_the_same_here(encoding: str) -> None:
    """It is not called by the node: it copies, and the one on PyPI reads padded rows and other encodings wrongly."""
    bridge = pytest.importorskip("cv_bridge").CvBridge()
    raw, _ = PACKED[encoding]
    message = image(encoding, np.ascontiguousarray(raw), raw.shape[0])
    np.testing.assert_array_equal(messages.image_to_bgr(message), bridge.imgmsg_to_cv2(message, "bgr8"))


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", WIDE)
def test_16_bit_encodings_equal_opencv(encoding: str, big: bool, padding: int) -> None:
    raw, expected = WIDE[encoding]
    decoded = messages.image_to_bgr(image(encoding, raw, raw.shape[0], padding, big))
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    ("encoding", "place_of_red"), [("rggb", (0, 0)), ("bggr", (1, 1)), ("gbrg", (1, 0)), ("grbg", (0, 1))]
)
def test_bayer_patterns_are_named_by_their_first_two_rows(encoding: str, place_of_red: tuple[int, int]) -> None:
    mosaic = np.zeros((16, 16), np.uint8)
    mosaic[place_of_red[0] :: 2, place_of_red[1] :: 2] = 200
    centre = messages.image_to_bgr(image(f"bayer_{encoding}8", mosaic, 16))[4:12, 4:12].reshape(-1, 3).mean(0)
    assert centre[2] > 150
    assert centre[0] < 10


@pytest.mark.parametrize("padding", [0, 7])
def test_bgr8_is_a_view(padding: int) -> None:
    message = image("bgr8", BGR, 24, padding)
    decoded = messages.image_to_bgr(message)
    assert np.shares_memory(decoded, np.frombuffer(message.data, np.uint8))
    np.testing.assert_array_equal(decoded, BGR)


def test_last_row_may_lack_its_padding() -> None:
    message = image("bgr8", BGR, 24, 8)
    message.data = message.data[:-8]
    np.testing.assert_array_equal(messages.image_to_bgr(message), BGR)


def changed(**fields: object) -> Image:
    message = image("bgr8", BGR, 24)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (changed(width=0), "empty"),
        (changed(height=0), "empty"),
        (changed(data=array.array("B")), "empty"),
        (Image(), "unknown_encoding"),
        (changed(encoding="bgr9"), "unknown_encoding"),
        (changed(encoding="16UC1"), "unknown_encoding"),
        (changed(encoding="x" * 5000), "unknown_encoding"),
        (changed(step=95), "bad_step"),
        (changed(step=0), "bad_step"),
        (changed(step=97), "truncated"),
        (changed(height=25), "truncated"),
        (changed(height=23), "bad_size"),
        (changed(width=33), "bad_step"),
        (changed(encoding="mono8"), None),
        (changed(width=2**32 - 1, height=2**32 - 1), "bad_size"),
        (changed(height=2**32 - 1, step=2**32 - 1), "bad_size"),
        (changed(encoding="yuv422", width=31), "bad_size"),
        (changed(encoding="nv12", width=96, height=15), "bad_size"),
        (changed(encoding="nv12", width=96, height=16), None),
        (changed(encoding="nv12", width=96, height=24), "truncated"),
    ],
)
def test_bad_images_have_a_cause(message: Image, cause: str | None) -> None:
    if cause is None:
        messages.image_to_bgr(message)
        return
    with pytest.raises(BadFrame) as raised:
        messages.image_to_bgr(message)
    assert raised.value.cause == cause
    assert len(str(raised.value)) < 500


def coded(extension: str, pixels: np.ndarray, kind: str = "") -> CompressedImage:
    done, data = cv2.imencode(extension, pixels)
    assert done
    message = CompressedImage(header=HEADER, format=kind or extension[1:])
    message.data = array.array("B", data.tobytes())
    return deserialize_message(serialize_message(message), CompressedImage)


@pytest.mark.parametrize(
    ("extension", "pixels"),
    [
        (".jpg", BGR),
        (".png", BGR),
        (".png", GRAY),
        (".jpg", GRAY),
        (".png", DEEP),
        (".png", cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA)),
    ],
)
def test_compressed_images_equal_opencv(extension: str, pixels: np.ndarray) -> None:
    message = coded(extension, pixels)
    expected = cv2.imdecode(np.frombuffer(bytes(message.data), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(messages.compressed_to_bgr(message), expected)
    if extension == ".png" and pixels is BGR:
        np.testing.assert_array_equal(messages.compressed_to_bgr(message), BGR)


def test_rotation_in_exif_is_ignored() -> None:
    jpeg = bytes(coded(".jpg", BGR).data)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: a quarter turn
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    message = CompressedImage(format="jpeg", data=array.array("B", jpeg[:2] + segment + jpeg[2:]))
    assert messages.compressed_to_bgr(message).shape == BGR.shape


def compressed(data: bytes, kind: str = "jpeg") -> CompressedImage:
    return CompressedImage(format=kind, data=array.array("B", data))


JPEG, PNG = bytes(coded(".jpg", BGR).data), bytes(coded(".png", BGR).data)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (compressed(b""), "empty"),
        (compressed(b"no picture at all"), "unknown_encoding"),
        (compressed(b"BM" + bytes(60)), "unknown_encoding"),
        (compressed(PNG, "16UC1; compressedDepth png"), "unknown_encoding"),
        (compressed(JPEG[: len(JPEG) // 2]), "truncated"),
        (compressed(PNG[: len(PNG) // 2]), "truncated"),
        (compressed(PNG[:20]), "truncated"),
        (compressed(b"\xff\xd8\xff\xd9"), "undecodable"),
        (compressed(b"\xff\xd8" + bytes(500) + b"\xff\xd9"), "undecodable"),
        (compressed(PNG[:40] + bytes(len(PNG) - 60) + PNG[-20:]), "undecodable"),
        (compressed(PNG[:16] + struct.pack(">II", 60000, 60000) + PNG[24:]), "bad_size"),
        (compressed(PNG[:16] + struct.pack(">II", 0, 32) + PNG[24:]), "empty"),
    ],
)
def test_bad_compressed_images_have_a_cause(message: CompressedImage, cause: str) -> None:
    with pytest.raises(BadFrame) as raised:
        messages.compressed_to_bgr(message)
    assert raised.value.cause == cause


SCENE = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 255, (240, 320, 3)).astype(np.uint8), (0, 0), 2)
LARGE = bytes(coded(".jpg", SCENE).data)
MIDDLE = len(LARGE) // 2


@pytest.mark.parametrize(
    "data",
    [
        LARGE[:MIDDLE] + LARGE[MIDDLE + 900 : -2] + LARGE[-2:],
        LARGE[:MIDDLE] + bytes(900) + LARGE[MIDDLE + 900 :],
        LARGE[:MIDDLE] + LARGE[MIDDLE - 700 : MIDDLE] + LARGE[MIDDLE:],
        LARGE[:MIDDLE] + b"\xff\xd9",
    ],
    ids=["a piece is lost", "a piece is zero", "a piece is there twice", "the second half is lost"],
)
def test_a_jpeg_that_is_damaged_in_its_middle_is_no_picture(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadFrame) as raised:
        messages.compressed_to_bgr(compressed(data))
    assert raised.value.cause == "damaged"
    monkeypatch.setattr(images, "simplejpeg", None)
    assert messages.compressed_to_bgr(compressed(data)).shape == SCENE.shape, "OpenCV takes it for a picture"


@pytest.mark.parametrize("padding", [b"", bytes(images.HARMLESS_BYTES), bytes(4)])
def test_padding_that_cameras_put_before_the_end_does_no_harm(padding: bytes) -> None:
    decoded = messages.compressed_to_bgr(compressed(LARGE[:-2] + padding + LARGE[-2:]))
    np.testing.assert_array_equal(decoded, cv2.imdecode(np.frombuffer(LARGE, np.uint8), cv2.IMREAD_COLOR))


def test_random_damage_to_a_jpeg_is_mostly_noticed() -> None:
    """A piece of 300 bytes that is replaced by noise: at least 8 of 10 are noticed, which no header check could."""
    random = np.random.default_rng(0)
    noticed = 0
    for _ in range(50):
        at = int(random.integers(700, len(LARGE) - 310))
        data = LARGE[:at] + random.integers(0, 256, 300, dtype=np.uint8).tobytes() + LARGE[at + 300 :]
        try:
            messages.compressed_to_bgr(compressed(data))
        except BadFrame:
            noticed += 1
    assert noticed >= 40


def only_bad_frame(decode: object, message: object) -> None:
    try:
        decoded = decode(message)
    except BadFrame as error:
        assert error.cause.isidentifier()
    else:
        assert decoded.dtype in (np.uint8, np.float32)


@settings(max_examples=1500)
@given(
    encoding=st.sampled_from([*messages.ENCODINGS, "32FC1", "16UC1", "", "RGB8", "64FC4", "\u00e9\u0000"]),
    height=st.integers(0, 12) | st.integers(0, 2**32 - 1),
    width=st.integers(0, 12) | st.integers(0, 2**32 - 1),
    step=st.integers(0, 80) | st.integers(0, 2**32 - 1) | st.none(),
    big=st.integers(0, 255),
    data=st.binary(max_size=600),
)
def test_random_images_never_raise_anything_else(
    encoding: str, height: int, width: int, step: int | None, big: int, data: bytes
) -> None:
    if step is None:  # a size that fits exactly, so that conversions are reached
        step = len(data) // height if 0 < height <= len(data) else 0
        data = data[: step * height]
    message = Image(encoding=encoding, height=height, width=width, step=step, is_bigendian=big)
    message.data = array.array("B", data)
    only_bad_frame(messages.image_to_bgr, message)
    only_bad_frame(messages.depth_to_metres, message)


@settings(max_examples=1000)
@given(
    kind=st.text(max_size=30),
    start=st.sampled_from([JPEG, PNG, b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b""]),
    cut=st.integers(0, 3000),
    flips=st.lists(st.tuples(st.integers(0, 2999), st.integers(0, 255)), max_size=12),
    tail=st.binary(max_size=40),
)
@example(kind="jpeg", start=JPEG, cut=3000, flips=[(160, 255)], tail=b"")
def test_damaged_compressed_images_never_raise_anything_else(
    kind: str, start: bytes, cut: int, flips: list[tuple[int, int]], tail: bytes
) -> None:
    data = bytearray(start[:cut] + tail)
    for place, value in flips:
        if place < len(data):
            data[place] = value
    only_bad_frame(messages.compressed_to_bgr, compressed(bytes(data), kind))


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("big", [False, True])
def test_depth_in_metres_and_millimetres(big: bool, padding: int) -> None:
    metres = np.array([[0.5, 0.0, np.nan], [np.inf, -1.0, 3.25]], np.float32)
    expected = np.array([[0.5, np.nan, np.nan], [np.nan, np.nan, 3.25]], np.float32)
    decoded = messages.depth_to_metres(image("32FC1", metres, 2, padding, big))
    np.testing.assert_array_equal(decoded, expected)
    assert decoded.dtype == np.float32
    millimetres = np.array([[500, 0, 1], [65535, 3250, 2]], np.uint16)
    expected = np.array([[0.5, np.nan, 0.001], [65.535, 3.25, 0.002]], np.float32)
    for encoding in ("16UC1", "mono16"):
        decoded = messages.depth_to_metres(image(encoding, millimetres, 2, padding, big))
        np.testing.assert_allclose(decoded, expected, rtol=1e-6)
    message = messages.metres_to_depth(metres, HEADER)
    np.testing.assert_array_equal(messages.depth_to_metres(message), [[0.5, np.nan, np.nan], [np.nan, np.nan, 3.25]])


def test_depth_keeps_its_own_message_as_it_is() -> None:
    message = image("32FC1", np.zeros((2, 3), np.float32), 2)
    before = bytes(message.data)
    messages.depth_to_metres(message)
    assert bytes(message.data) == before


def test_pictures_go_out_as_they_came_in() -> None:
    message = deserialize_message(serialize_message(messages.bgr_to_image(BGR[:, ::-1], HEADER)), Image)
    assert message.header == HEADER
    assert (message.encoding, message.step, message.height, message.width) == ("bgr8", 96, 24, 32)
    np.testing.assert_array_equal(messages.image_to_bgr(message), BGR[:, ::-1])
    smooth = cv2.GaussianBlur(BGR, (0, 0), 3)
    message = deserialize_message(serialize_message(messages.bgr_to_compressed(smooth, HEADER, 95)), CompressedImage)
    assert message.header == HEADER
    assert np.abs(messages.compressed_to_bgr(message).astype(int) - smooth).mean() < 3


def camera_info(**fields: object) -> CameraInfo:
    message = CameraInfo(height=480, width=640, distortion_model="plumb_bob", d=[-0.1, 0.01, 0.0, 0.0, 0.0])
    message.k = [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0]
    for name, value in fields.items():
        setattr(message, name, value)
    return deserialize_message(serialize_message(message), CameraInfo)


def test_camera_info_plain() -> None:
    intrinsics = messages.camera_info_to_intrinsics(camera_info())
    assert intrinsics.size_hw == (480, 640)
    assert intrinsics.model == "plumb_bob"
    np.testing.assert_array_equal(intrinsics.k, [[600, 0, 320], [0, 610, 240], [0, 0, 1]])
    np.testing.assert_array_equal(intrinsics.distortion, [-0.1, 0.01, 0, 0, 0])


def test_camera_info_region_of_interest_and_binning() -> None:
    roi = RegionOfInterest(x_offset=100, y_offset=60, width=400, height=300)
    intrinsics = messages.camera_info_to_intrinsics(camera_info(roi=roi, binning_x=2, binning_y=4))
    assert intrinsics.size_hw == (75, 200)
    np.testing.assert_allclose(intrinsics.k, [[300, 0, 110], [0, 152.5, 45], [0, 0, 1]])


@pytest.mark.parametrize(
    ("model", "count"),
    [("plumb_bob", 0), ("plumb_bob", 4), ("", 5), ("rational_polynomial", 8), ("equidistant", 4)],
)
def test_camera_info_distortion_models(model: str, count: int) -> None:
    d = [0.01 * (i + 1) for i in range(count)]
    intrinsics = messages.camera_info_to_intrinsics(camera_info(distortion_model=model, d=d))
    assert intrinsics.model == (model or "plumb_bob")
    np.testing.assert_allclose(intrinsics.distortion, d)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"k": [0.0] * 9}, "uncalibrated"),
        ({"k": [600.0, 0.0, 320.0, 0.0, 0.0, 240.0, 0.0, 0.0, 1.0]}, "bad_intrinsics"),
        ({"k": [float("nan")] * 9}, "bad_intrinsics"),
        ({"k": [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 0.0]}, "bad_intrinsics"),
        ({"d": [float("inf")] * 5}, "bad_intrinsics"),
        ({"d": [0.1, 0.1]}, "bad_intrinsics"),
        ({"distortion_model": "fisheye2"}, "unknown_distortion"),
        ({"width": 0}, "bad_size"),
        ({"binning_x": 1000}, "bad_size"),
    ],
)
def test_camera_info_that_cannot_measure(fields: dict[str, object], cause: str) -> None:
    with pytest.raises(BadFrame) as raised:
        messages.camera_info_to_intrinsics(camera_info(**fields))
    assert raised.value.cause == cause


@given(
    k=st.lists(st.floats(), min_size=9, max_size=9),
    d=st.lists(st.floats(), max_size=14),
    size=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    binning=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    model=st.sampled_from(["plumb_bob", "equidistant", "rational_polynomial", "", "x"]),
)
def test_random_camera_info_never_raises_anything_else(
    k: list[float], d: list[float], size: tuple[int, int], binning: tuple[int, int], model: str
) -> None:
    message = CameraInfo(height=size[0], width=size[1], distortion_model=model)
    message.k, message.d, message.binning_x, message.binning_y = k, d, *binning
    try:
        assert np.isfinite(messages.camera_info_to_intrinsics(message).k).all()
    except BadFrame as error:
        assert error.cause.isidentifier()


def test_camera_info_round_trip() -> None:
    intrinsics = CameraIntrinsics((480, 640), np.array([[600.0, 0, 320], [0, 610, 240], [0, 0, 1]]), np.zeros(4))
    back = messages.camera_info_to_intrinsics(messages.intrinsics_to_camera_info(intrinsics, HEADER))
    assert back.size_hw == intrinsics.size_hw
    np.testing.assert_array_equal(back.k, intrinsics.k)
    np.testing.assert_array_equal(back.distortion, intrinsics.distortion)


@given(st.integers(-(2**31) * 10**9, (2**31) * 10**9 - 1))
def test_stamps_are_exact(stamp_ns: int) -> None:
    assert messages.stamp_to_ns(messages.ns_to_stamp(stamp_ns)) == stamp_ns


def test_broken_stamps_are_refused() -> None:
    with pytest.raises(BadFrame, match="nanoseconds"):
        messages.stamp_to_ns(Time(sec=0, nanosec=10**9))
    with pytest.raises(BadFrame, match="stamp is"):
        messages.ns_to_stamp(2**63)


def test_belt_readings() -> None:
    sample = messages.belt_sample_from_joint_state(JointState(header=HEADER, name=["belt"], position=[1.5]))
    assert (sample.stamp_ns, sample.position_m, sample.velocity_mps) == (1_700_000_000_123_456_789, 1.5, None)
    sample = messages.belt_sample_from_joint_state(JointState(header=HEADER, position=[1.5], velocity=[0.4]))
    assert sample.velocity_mps == 0.4
    twist = TwistStamped(header=HEADER)
    twist.twist.linear.x = 0.25
    sample = messages.belt_sample_from_twist(twist)
    assert (sample.position_m, sample.velocity_mps) == (None, 0.25)
    for bad in (JointState(header=HEADER), JointState(position=[float("nan")])):
        with pytest.raises(BadFrame) as raised:
            messages.belt_sample_from_joint_state(bad)
        assert raised.value.cause == "bad_belt"
    twist.twist.linear.x = float("inf")
    with pytest.raises(BadFrame):
        messages.belt_sample_from_twist(twist)


def some_detections() -> Detections:
    probs = np.array([[0.1, 0.8], [0.55, 0.25]], np.float32)
    boxes = np.array([[10.5, 20.25, 30, 60], [0, 0, 640, 480]], np.float32)
    return Detections(boxes, probs.max(1), probs.argmax(1), probs)


def test_detections_list_every_hypothesis_best_first() -> None:
    message = messages.detections_to_msg(some_detections(), HEADER, np.array([7, 0]))
    message = deserialize_message(serialize_message(message), Detection2DArray)
    assert message.header == HEADER
    first, second = message.detections
    assert first.header == HEADER
    assert (first.id, second.id) == ("7", "")
    assert [h.hypothesis.class_id for h in first.results] == ["non_compost", "compost"]
    assert [h.hypothesis.class_id for h in second.results] == ["compost", "non_compost"]
    assert first.results[0].hypothesis.score == pytest.approx(0.8)
    assert (first.bbox.center.position.x, first.bbox.center.position.y) == (20.25, 40.125)
    assert (first.bbox.size_x, first.bbox.size_y) == (19.5, 39.75)


def test_detections_round_trip() -> None:
    given_detections = some_detections()
    message = messages.detections_to_msg(given_detections, HEADER, [7, 0])
    back, track_ids = messages.detections_from_msg(message, LABELS)
    np.testing.assert_allclose(back.boxes_xyxy, given_detections.boxes_xyxy)
    np.testing.assert_array_equal(back.label_probs, given_detections.label_probs)
    np.testing.assert_array_equal(back.labels, given_detections.labels)
    np.testing.assert_array_equal(track_ids, [7, 0])
    assert messages.detections_from_msg(message)[0].label_names == LABELS
    empty, _ = messages.detections_from_msg(messages.detections_to_msg(Detections.empty(), HEADER, []), LABELS)
    assert len(empty) == 0


def test_tracks_stand_on_the_belt() -> None:
    track = Track(
        id=12,
        stamp_ns=1,
        point_belt=np.array([0.4, -0.1, 0.06]),
        covariance_belt=np.array([[4e-6, 1e-6], [1e-6, 9e-6]]),
        height_m=0.06,
        height_std_m=0.002,
        yaw_rad=0.5,
        yaw_std_rad=0.1,
        size_m=np.array([0.2, 0.05]),
        label_probs=np.array([0.3, 0.7]),
        label_names=LABELS,
        num_views=4,
        seen=True,
        whole=True,
    )
    message = messages.tracks_to_detection3d_array([track], HEADER)
    (item,) = deserialize_message(serialize_message(message), Detection3DArray).detections
    assert (item.id, item.header) == ("12", HEADER)
    assert (item.bbox.size.x, item.bbox.size.y, item.bbox.size.z) == (0.2, 0.05, 0.06)
    assert item.bbox.center.position.z == 0.03
    assert [h.hypothesis.class_id for h in item.results] == ["non_compost", "compost"]
    pose = item.results[0].pose
    assert (pose.pose.position.x, pose.pose.position.y, pose.pose.position.z) == (0.4, -0.1, 0.06)
    assert (pose.pose.orientation.z, pose.pose.orientation.w) == pytest.approx((np.sin(0.25), np.cos(0.25)))
    covariance = pose.covariance.reshape(6, 6)
    np.testing.assert_allclose(np.diag(covariance), [4e-6, 9e-6, 4e-6, 0, 0, 0.01])
    assert covariance[0, 1] == covariance[1, 0] == 1e-6


def test_picks_round_trip() -> None:
    covariance = np.arange(16.0).reshape(4, 4)
    pick = PickTarget(
        track_id=3,
        stamp_ns=1_700_000_001_000_000_001,
        label="non_compost",
        probability=0.93,
        point_belt=np.array([1.0, 0.1, 0.05]),
        yaw_rad=-1.5,
        size_m=np.array([0.2, 0.06, 0.05]),
        covariance=covariance + covariance.T,
    )
    message = messages.picks_to_msg([pick], HEADER)
    message = deserialize_message(serialize_message(message), Detection3DArray)
    assert message.header == HEADER
    assert messages.stamp_to_ns(message.detections[0].header.stamp) == pick.stamp_ns
    (back,) = messages.pick_targets_from_msg(message)
    assert (back.track_id, back.stamp_ns, back.label, back.probability) == (3, pick.stamp_ns, "non_compost", 0.93)
    assert back.yaw_rad == pytest.approx(-1.5)
    for name in ("point_belt", "size_m", "covariance"):
        np.testing.assert_array_equal(getattr(back, name), getattr(pick, name))


def test_a_writer_fills_its_messages_anew_whatever_it_wrote_before() -> None:
    """Lists of 3, 1, 0 and 2: what a longer one left behind must not shine through."""
    rng, writer = np.random.default_rng(5), messages.VisionWriter()
    for number in (3, 1, 0, 2):
        boxes, probs = rng.uniform(0.0, 300.0, (number, 4)).astype(np.float32), rng.random((number, 2), np.float32)
        found = Detections(boxes, probs.max(1), probs.argmax(1), probs)
        ids = rng.integers(0, 3, number)
        square = rng.random((number, 4, 4))
        picks = [
            PickTarget(i, 10**18 + i, LABELS[i % 2], 0.5, rng.random(3), rng.random(), rng.random(3), square[i])
            for i in range(number)
        ]
        tracks = [
            Track(i, 1, rng.random(3), cov[:2, :2], 0.1, 0.2, 0.3, 0.4, rng.random(2), row, LABELS, 3, True, True)
            for i, (cov, row) in enumerate(zip(square, probs, strict=True))
        ]
        assert writer.detections(found, HEADER, ids) == messages.detections_to_msg(found, HEADER, ids)
        assert writer.picks(picks, HEADER) == messages.picks_to_msg(picks, HEADER)
        assert writer.tracks(tracks, HEADER) == messages.tracks_to_detection3d_array(tracks, HEADER)
        assert len(writer.tracks(tracks, HEADER).detections) == number


def broken_pick(how: str) -> Detection3DArray:
    pick = PickTarget(3, 5, "a", 0.9, np.ones(3), 0.0, np.ones(3), np.eye(4))
    message = messages.picks_to_msg([pick], HEADER)
    item = message.detections[0]
    if how == "id":
        item.id = "three"
    elif how == "results":
        item.results = []
    else:
        item.results[0].pose.pose.position.x = float("nan")
    return message


@pytest.mark.parametrize("how", ["id", "results", "number"])
def test_broken_picks_are_refused(how: str) -> None:
    with pytest.raises(BadFrame) as raised:
        messages.pick_targets_from_msg(broken_pick(how))
    assert raised.value.cause == "bad_field"


def test_broken_detections_are_refused() -> None:
    message = messages.detections_to_msg(some_detections(), HEADER, [1, 2])
    with pytest.raises(BadFrame, match="known: a, b"):
        messages.detections_from_msg(message, ("a", "b"))
    message.detections[0].bbox.size_x = float("nan")
    with pytest.raises(BadFrame, match="box"):
        messages.detections_from_msg(message)


def test_label_info() -> None:
    message = messages.label_info_to_msg(LABELS, 0.5, HEADER)
    assert [(c.class_id, c.class_name) for c in message.class_map] == [(0, "compost"), (1, "non_compost")]
    assert message.threshold == 0.5

"""Pictures in and out of messages: ``Image`` and ``CompressedImage`` to arrays and back.

Whatever bytes arrive, a decoder answers with an array or raises ``BadFrame``; nothing else escapes. ``msg.data`` of
a received message is an ``array.array``, which numpy views without a copy; assigning an ndarray, list or bytes to
``Image.data`` makes rclpy check every element (200 ms for 1280x720), so outgoing pictures go through ``array.array``.

Letters: H x W image, S row step in bytes.
"""

from __future__ import annotations

import array
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from spp_sorter.ros.stamps import BadFrame
from spp_sorter.values import FloatArray, ImageArray

try:
    import simplejpeg
except ImportError:  # no wheel for this Python: OpenCV decodes, and takes damage in mid-file for a picture
    simplejpeg = None

MAX_PIXELS = 1 << 26
"""Pictures with more pixels than this are refused before anything is allocated for them."""

HARMLESS_BYTES = 8
"""Cameras may put so many bytes of padding before a JPEG's end marker; damaged data leave more of them."""

PNG_MAX_RATIO = 1032
"""Deflate shrinks to no less than this share; a damaged header that promises more would cost seconds for nothing."""

Raw = npt.NDArray[Any]


def _gray_16(pixels: Raw) -> ImageArray:
    """[H, W] or [H, W, 3] uint16 to uint8 over the full range, rounded."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255.0 / 65535.0), np.uint8)


def _cvt(code: int) -> Callable[[Raw], ImageArray]:
    return lambda pixels: np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def _deep(code: int) -> Callable[[Raw], ImageArray]:
    """Colour conversion of 16-bit pixels, then to 8 bits."""
    return lambda pixels: _gray_16(cv2.cvtColor(pixels, code))


def _view(pixels: Raw) -> ImageArray:
    return pixels


_JPEG = b"\xff\xd8"

_BAYER = {
    # OpenCV names a pattern by the second pixel of the second row, ROS by the first two rows.
    "bayer_rggb": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg": cv2.COLOR_BayerGB2BGR,
}

# encoding -> (scalar type, channels, conversion to BGR). Width must be even where two pixels share their colour.
_PACKED: dict[str, tuple[type, int, Callable[[Raw], ImageArray]]] = {
    "bgr8": (np.uint8, 3, _view),
    "8UC3": (np.uint8, 3, _view),
    "rgb8": (np.uint8, 3, _cvt(cv2.COLOR_RGB2BGR)),
    "bgra8": (np.uint8, 4, _cvt(cv2.COLOR_BGRA2BGR)),
    "8UC4": (np.uint8, 4, _cvt(cv2.COLOR_BGRA2BGR)),
    "rgba8": (np.uint8, 4, _cvt(cv2.COLOR_RGBA2BGR)),
    "mono8": (np.uint8, 1, _cvt(cv2.COLOR_GRAY2BGR)),
    "8UC1": (np.uint8, 1, _cvt(cv2.COLOR_GRAY2BGR)),
    "mono16": (np.uint16, 1, _deep(cv2.COLOR_GRAY2BGR)),
    "bgr16": (np.uint16, 3, _gray_16),
    "rgb16": (np.uint16, 3, _deep(cv2.COLOR_RGB2BGR)),
    **{f"{name}8": (np.uint8, 1, _cvt(code)) for name, code in _BAYER.items()},
    **{f"{name}16": (np.uint16, 1, _deep(code)) for name, code in _BAYER.items()},
}
_YUV_422 = {
    "yuv422": cv2.COLOR_YUV2BGR_UYVY,
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2,
    "yuyv": cv2.COLOR_YUV2BGR_YUY2,
}
_YUV_420 = {"nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21}

ENCODINGS = (*_PACKED, *_YUV_422, *_YUV_420)
"""Every encoding that ``image_to_bgr`` takes."""


def image_to_bgr(msg: Image) -> ImageArray:
    """Decode a raw image of any of ``ENCODINGS``, honouring ``step`` and ``is_bigendian``.

    Args:
        msg: sensor_msgs/Image.

    Returns:
        [H, W, 3] uint8 BGR. For bgr8 and 8UC3 it is a view of ``msg.data`` (rows may be padded), not a copy.

    Raises:
        BadFrame: ``empty``, ``unknown_encoding``, ``bad_size``, ``bad_step``, ``truncated`` or ``undecodable``.
    """
    encoding, width = msg.encoding, msg.width
    if encoding in _PACKED:
        scalar, channels, convert = _PACKED[encoding]
        return _converted(convert, _pixels(msg, msg.height, scalar, channels), encoding)
    if encoding in _YUV_422:
        _require_even(encoding, width=width)
        return _converted(_cvt(_YUV_422[encoding]), _pixels(msg, msg.height, np.uint8, 2), encoding)
    if encoding in _YUV_420:
        _require_even(encoding, width=width, height=msg.height)
        pixels = np.ascontiguousarray(_pixels(msg, msg.height * 3 // 2, np.uint8, 1))
        return _converted(_cvt(_YUV_420[encoding]), pixels, encoding)
    raise BadFrame(
        "unknown_encoding",
        f"image encoding is {encoding[:40]!r}; known: {', '.join(ENCODINGS)}. "
        "Set the camera driver to one of them (depth images belong on the topic `depth`)",
    )


def depth_to_metres(msg: Image) -> FloatArray:
    """Decode a depth image (REP-118): 32FC1 metres, or 16UC1 (also named mono16) millimetres.

    Args:
        msg: sensor_msgs/Image.

    Returns:
        [H, W] float32 metres; NaN where the sensor gave 0, a negative number, NaN or infinity.

    Raises:
        BadFrame: as ``image_to_bgr``.
    """
    if msg.encoding == "32FC1":
        metres = _pixels(msg, msg.height, np.float32, 1).astype(np.float32)
    elif msg.encoding in ("16UC1", "mono16"):
        metres = _pixels(msg, msg.height, np.uint16, 1) * np.float32(0.001)
    else:
        raise BadFrame("unknown_encoding", f"depth encoding is {msg.encoding[:40]!r}; known: 32FC1 (m), 16UC1 (mm)")
    with np.errstate(invalid="ignore"):
        metres[~((metres > 0) & np.isfinite(metres))] = np.nan
    return metres


def compressed_to_bgr(msg: CompressedImage) -> ImageArray:
    """Decode a JPEG or PNG; the bytes decide which, not ``format``. EXIF rotation is ignored.

    Args:
        msg: sensor_msgs/CompressedImage.

    Returns:
        [H, W, 3] uint8 BGR; grey pictures are repeated over the channels, alpha is dropped.

    Raises:
        BadFrame: ``empty``, ``unknown_encoding`` (neither JPEG nor PNG), ``truncated``, ``bad_size``, ``undecodable``,
            ``damaged`` (bytes in the middle of a JPEG are wrong; a grey or shifted rest would follow).
    """
    data = bytes(msg.data)
    if not data:
        raise BadFrame("empty", "compressed image has no data; check the camera driver")
    if "compressedDepth" in msg.format:
        raise BadFrame("unknown_encoding", f"format is {msg.format[:60]!r}; depth belongs on the topic `depth`")
    height, width = _compressed_size_hw(data)
    _require_size(height, width)
    if simplejpeg is not None and data.startswith(_JPEG):
        return _jpeg_to_bgr(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise BadFrame("undecodable", f"compressed image of {len(data)} bytes: {error.err or error}") from error
    if pixels is None:
        raise BadFrame("undecodable", f"compressed image of {len(data)} bytes is damaged; check the camera and network")
    return np.asarray(pixels, np.uint8)


def _jpeg_to_bgr(data: bytes) -> ImageArray:
    """Decode a JPEG as OpenCV does, but refuse what libjpeg only warns of."""
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR"), np.uint8)
    except ValueError as error:
        reason = str(error)
    spare = re.search(r"(\d+) extraneous bytes before marker 0xd9", reason)
    if spare is not None and int(spare[1]) <= HARMLESS_BYTES:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False), np.uint8)
    damaged = reason.startswith(("Corrupt", "Premature", "Unsupported marker"))
    text = f"JPEG of {len(data)} bytes: {reason}; check the camera and network"
    raise BadFrame("damaged" if damaged else "undecodable", text)


def bgr_to_image(image_bgr: ImageArray, header: Header) -> Image:
    """Make a bgr8 message.

    Args:
        image_bgr: [H, W, 3] uint8.
        header: goes into the message unchanged.

    Returns:
        sensor_msgs/Image without padding.
    """
    return _image("bgr8", image_bgr, header)


def metres_to_depth(depth_m: FloatArray, header: Header) -> Image:
    """Make a 32FC1 depth message of [H, W] metres; NaN stays "no reading"."""
    return _image("32FC1", np.asarray(depth_m, "<f4"), header)


def bgr_to_compressed(image_bgr: ImageArray, header: Header, quality: int = 80) -> CompressedImage:
    """Make a JPEG message of [H, W, 3] uint8 BGR; ``quality`` 1 to 100."""
    _, coded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    message = CompressedImage(header=header, format="bgr8; jpeg compressed bgr8")
    message.data = _bytes_of(coded)
    return message


def _image(encoding: str, pixels: Raw, header: Header) -> Image:
    height, width = pixels.shape[:2]
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    message.step = pixels.nbytes // height
    message.data = _bytes_of(pixels)
    return message


def _bytes_of(pixels: Raw) -> array.array[int]:
    data = array.array("B")
    data.frombytes(pixels.data.cast("B"))
    return data


def _converted(convert: Callable[[Raw], ImageArray], pixels: Raw, encoding: str) -> ImageArray:
    try:
        return convert(pixels)
    except cv2.error as error:
        raise BadFrame("undecodable", f"{encoding} of {pixels.shape[:2]} pixels: {error.err or error}") from error


def _pixels(msg: Image, rows: int, scalar: type, channels: int) -> Raw:
    """View ``msg.data`` as [rows, W] or [rows, W, channels]; copied only where bytes must be swapped."""
    _require_size(msg.height, msg.width)
    kind = np.dtype(scalar).newbyteorder(">" if msg.is_bigendian else "<")
    row_bytes = msg.width * channels * kind.itemsize
    if msg.step < row_bytes:
        raise BadFrame("bad_step", f"step is {msg.step}; {msg.encoding} {msg.width} wide needs at least {row_bytes}")
    size = len(msg.data)
    if not size:
        raise BadFrame("empty", f"image is {msg.width}x{msg.height} but has no data; check the camera driver")
    # The padding of the last row may be missing.
    if size < msg.step * (rows - 1) + row_bytes:
        raise BadFrame("truncated", f"data has {size} bytes; {rows} rows of step {msg.step} need {rows * msg.step}")
    if size > msg.step * rows:
        raise BadFrame("bad_size", f"data has {size} bytes; {rows} rows of step {msg.step} have {rows * msg.step}")
    shape = (rows, msg.width) if channels == 1 else (rows, msg.width, channels)
    strides = (msg.step, channels * kind.itemsize, kind.itemsize)[: len(shape)]
    pixels: Raw = np.ndarray(shape, kind, buffer=memoryview(msg.data), strides=strides)
    return pixels if kind.isnative else pixels.astype(kind.newbyteorder("="))


def _require_size(height: int, width: int) -> None:
    if not height or not width:
        raise BadFrame("empty", f"image is {width}x{height}; the camera sent no pixels")
    if height * width > MAX_PIXELS:
        raise BadFrame("bad_size", f"image is {width}x{height}; allowed: up to {MAX_PIXELS} pixels")


def _require_even(encoding: str, **sides: int) -> None:
    for name, value in sides.items():
        if value % 2:
            raise BadFrame("bad_size", f"{name} is {value}; {encoding} needs an even {name}")


def _compressed_size_hw(data: bytes) -> tuple[int, int]:
    """Height and width from the header, after checking that the end is there: libjpeg would fill up with grey."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_size_hw(data)
    if data.startswith(_JPEG):
        if b"\xff\xd9" not in data[-1024:]:
            raise BadFrame("truncated", f"JPEG of {len(data)} bytes has no end marker; check the network")
        return _jpeg_size_hw(data)
    raise BadFrame(
        "unknown_encoding", f"compressed image starts with {data[:8]!r}, neither JPEG nor PNG; set the driver to one"
    )


def _png_size_hw(data: bytes) -> tuple[int, int]:
    """Walk the chunks of a PNG to its end: OpenCV would allocate whatever a damaged length says."""
    at = 8
    while len(data) >= at + 12 and data[at + 4 : at + 8] != b"IEND":
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    if len(data) < max(at + 12, 45):
        raise BadFrame("truncated", f"PNG of {len(data)} bytes has no end; check the network")
    height, width = int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    if height * width <= MAX_PIXELS and height * width * max(1, data[24]) > 8 * PNG_MAX_RATIO * len(data):
        raise BadFrame("truncated", f"PNG of {len(data)} bytes is said to be {width}x{height}; check the network")
    return height, width


def _jpeg_size_hw(data: bytes) -> tuple[int, int]:
    """Walk the segments of a JPEG to its frame header (ITU T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise BadFrame("undecodable", f"JPEG of {len(data)} bytes has no frame header; check the camera and network")

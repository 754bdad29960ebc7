"""``spp_sorter pack``: a bag of a folder of pictures, to be replayed as if a camera had taken them."""

from __future__ import annotations

import argparse
import array
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from spp_sorter.ros.bags import STORAGES, BagError, BagWriter
from spp_sorter.ros.messages import BadFrame, bgr_to_image, compressed_to_bgr, make_header

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

RAW_TOPIC = "/image"
COMPRESSED_TOPIC = "/image/compressed"
NAME_TOPIC = "/picture_name"
FRAME_ID = "camera_optical_frame"

FIRST_STAMP_NS = 1_000_000_000
"""Stamp of the first picture: always the same, so that packing twice gives the same bag; not 0, which means "unset"."""


@dataclass(slots=True)
class Packed:
    """What was packed.

    Attributes:
        num_frames: pictures in the bag, counting each pass.
        broken: name and reason of every picture that was left out.
    """

    num_frames: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``spp_sorter pack``."""
    parser.add_argument("folder", type=Path, help="folder of pictures, taken in the order of their names")
    parser.add_argument("--out", type=Path, required=True, metavar="BAG", help="bag to make: a folder, or FILE.mcap")
    parser.add_argument("--fps", type=float, default=10.0, help="pictures per second (default %(default)s)")
    parser.add_argument("--loop", type=int, default=1, metavar="N", help="go through the folder N times")
    parser.add_argument("--recursive", action="store_true", help="take pictures in subfolders too")
    parser.add_argument("--raw", action="store_true", help="store every picture as a raw bgr8 image")
    parser.add_argument("--storage", choices=STORAGES, default="mcap", help="bag format (default %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace the bag if it exists")


def run(args: argparse.Namespace) -> int:
    """Pack and say what was packed; 1 when no picture could be used."""
    packed = pack(
        args.folder,
        args.out,
        fps=args.fps,
        loops=args.loop,
        recursive=args.recursive,
        raw=args.raw,
        storage=args.storage,
        overwrite=args.force,
    )
    for name, reason in packed.broken:
        print(f"left out {name}: {reason}", file=sys.stderr)
    seconds = packed.num_frames / args.fps
    print(f"{args.out}: {packed.num_frames} frames, {seconds:.1f} s, {len(packed.broken)} pictures left out")
    return 0


def pack(
    folder: Path,
    out: Path,
    fps: float = 10.0,
    loops: int = 1,
    recursive: bool = False,
    raw: bool = False,
    storage: str = "mcap",
    overwrite: bool = False,
) -> Packed:
    """Make a bag of a folder of pictures.

    JPEG and PNG files go in as they are (``/image/compressed``), others as bgr8 (``/image``). Beside each picture its
    path inside the folder stands on ``/picture_name``, recorded at the picture's stamp.

    Args:
        folder: where the pictures are; sizes may differ.
        out: the bag.
        fps: pictures per second.
        loops: passes through the folder; stamps go on.
        recursive: whether subfolders count.
        raw: store every picture as bgr8.
        storage: ``mcap`` or ``sqlite3``.
        overwrite: replace an existing bag.

    Raises:
        BagError: nothing usable in the folder, or the bag cannot be written.
        ValueError: ``fps`` or ``loops`` out of range.
    """
    if not 0.0 < fps <= 1000.0:
        raise ValueError(f"--fps is {fps:g}; allowed: over 0 to 1000")
    if loops < 1:
        raise ValueError(f"--loop is {loops}; allowed: 1 and more")
    paths = list(_pictures(folder, recursive))
    packed = Packed()
    with BagWriter(out, storage, overwrite) as bag:
        for loop in range(loops):
            for path in paths:
                name = path.relative_to(folder).as_posix()
                stamp_ns = FIRST_STAMP_NS + round(packed.num_frames * 1e9 / fps)
                try:
                    message = _message(path, stamp_ns, raw)
                except (BadFrame, OSError) as error:
                    if loop == 0:
                        packed.broken.append((name, str(error)))
                    continue
                topic = RAW_TOPIC if isinstance(message, Image) else COMPRESSED_TOPIC
                bag.write_message(NAME_TOPIC, String(data=name), stamp_ns)
                bag.write_message(topic, message, stamp_ns)
                packed.num_frames += 1
        if not packed.num_frames:
            name, reason = packed.broken[0]
            raise BagError(f"none of the {len(paths)} pictures in '{folder}' can be read; {name}: {reason}")
    return packed


def _pictures(folder: Path, recursive: bool) -> Iterator[Path]:
    if not folder.is_dir():
        raise BagError(f"'{folder}' is no folder; give a folder of pictures")
    found = sorted(path for path in (folder.rglob("*") if recursive else folder.iterdir()) if _is_picture(path))
    if not found:
        hint = "" if recursive else ", or --recursive for its subfolders"
        raise BagError(f"'{folder}' holds no picture; give a folder of {', '.join(PICTURE_SUFFIXES)} files{hint}")
    yield from found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _message(path: Path, stamp_ns: int, raw: bool) -> Image | CompressedImage:
    """The picture as a message.

    Raises:
        BadFrame: the file is damaged, judged as the node would judge it.
    """
    header = make_header(stamp_ns, FRAME_ID)
    data = path.read_bytes()
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg" if data.startswith(b"\xff\xd8") else ""
    if kind:
        message = CompressedImage(header=header, format=kind, data=array.array("B", data))
        pixels = compressed_to_bgr(message)
        return bgr_to_image(pixels, header) if raw else message
    if not data:
        raise BadFrame("empty", "the file is empty")
    image_bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image_bgr is None:
        raise BadFrame("undecodable", "OpenCV cannot read it; save it again as JPEG or PNG")
    return bgr_to_image(np.asarray(image_bgr, np.uint8), header)

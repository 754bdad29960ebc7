"""``spp_sorter calibrate``: a board on the belt tells where the camera stands, and how the belt moves.

From pictures, from a bag, or live from a topic. Pictures need no ROS; a bag and a topic do.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spp_sorter.geometry.board import KINDS, Board, BoardSight, CalibrationError, board_image, find_board
from spp_sorter.geometry.board_calibration import ORIGINS, TOWARDS, Calibration, calibrate
from spp_sorter.ros.calibrate_files import picture_to_judge_by, read_camera_info, write_parameters
from spp_sorter.values import BeltSample, CameraIntrinsics, ImageArray

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_PRINT_PPI = 300.0


@dataclass(frozen=True, slots=True)
class Source:
    """Pictures of a board, and what was recorded beside them.

    Attributes:
        pictures: name, stamp (0 for none) and image of each.
        readings: of the belt's encoder.
        intrinsics: the camera's, None where nothing told them.
    """

    pictures: list[tuple[str, int, ImageArray]]
    readings: list[BeltSample]
    intrinsics: CameraIntrinsics | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``spp_sorter calibrate``."""
    parser.add_argument("source", type=Path, nargs="*", help="pictures, folders of pictures, or one bag")
    parser.add_argument("--live", action="store_true", help="take the pictures from --image-topic, now")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to watch with --live (default: 10)")
    parser.add_argument("--print", type=Path, metavar="FILE", dest="print_to", help="write the board for printing")
    parser.add_argument("--out", type=Path, metavar="YAML", help="parameters for the node; a picture goes beside it")
    parser.add_argument("--board", choices=KINDS, default="charuco", help="what was printed (default: charuco)")
    parser.add_argument("--squares", default="7x5", metavar="CxR", help="squares across and down (default: 7x5)")
    parser.add_argument("--square", type=float, default=0.05, metavar="M", help="side of a square (default: 0.05 m)")
    parser.add_argument("--marker", type=float, metavar="M", help="side of a marker (default: 0.75 of the square)")
    parser.add_argument("--dictionary", default="DICT_5X5_100", help="of the markers (default: DICT_5X5_100)")
    parser.add_argument("--legacy", action="store_true", help="a ChArUco board printed with OpenCV before 4.6")
    parser.add_argument("--thickness", type=float, default=0.0, metavar="M", help="of the board (default: 0 m)")
    parser.add_argument(
        "--towards",
        choices=sorted(TOWARDS),
        default="right",
        help="where the belt moves in the picture, for a board that lies still (default: right)",
    )
    parser.add_argument(
        "--origin",
        choices=ORIGINS,
        default="camera",
        help="of the frame `belt`: under the camera, or in the middle of the (first) board (default: camera)",
    )
    parser.add_argument(
        "--camera-info", type=Path, metavar="YAML", help="intrinsics, as camera_calibration writes them"
    )
    parser.add_argument("--image-topic", default="", help="pictures; with --live `image`, in a bag found by default")
    parser.add_argument("--camera-info-topic", default="", help="CameraInfo; that beside the pictures by default")
    parser.add_argument("--encoder-topic", default="", help="JointState of the belt; `belt_encoder` by default")


def run(args: argparse.Namespace) -> int:
    """Calibrate; 1 when nothing could be calibrated, with the reason."""
    board = board_of(args)
    if args.print_to is not None:
        return _print_board(board, args.print_to)
    source = _read(args)
    if args.camera_info is not None:
        source = Source(source.pictures, source.readings, read_camera_info(args.camera_info))
    if source.intrinsics is None:
        raise ValueError("no camera_info was found; give --camera-info YAML, or record the camera_info topic too")
    sights, images, refusals = _find_boards(source, board)
    if not sights:
        why = f"{refusals[-1].name}: {refusals[-1]}" if refusals else "there is no picture"
        print(f"spp_sorter calibrate: {why}", file=sys.stderr)
        return 1
    try:
        found = calibrate(sights, board, source.intrinsics, source.readings, args.thickness, args.towards, args.origin)
    except CalibrationError as error:
        print(f"spp_sorter calibrate: {error.name}: {error}", file=sys.stderr)
        return 1
    print(report(found, len(sights), len(source.pictures)))
    if args.out is not None:
        write_parameters(args.out, found)
        picture = args.out.with_suffix(".png")
        best = max(range(len(sights)), key=lambda i: len(sights[i].board_m))
        drawn = picture_to_judge_by(images[best], sights[best], found, source.intrinsics, args.thickness)
        if not cv2.imwrite(str(picture), drawn):
            raise OSError(f"the picture could not be written to '{picture}'")
        print(f"written: {args.out}, {picture}")
    return 0


def board_of(args: argparse.Namespace) -> Board:
    """The board that the arguments describe; raises CalibrationError."""
    columns, x, rows = args.squares.lower().partition("x")
    if not (x and columns.isdigit() and rows.isdigit()):
        raise CalibrationError("board_spec", f"--squares is '{args.squares}'; allowed: COLUMNSxROWS, such as 7x5")
    marker = args.marker if args.marker is not None else 0.75 * args.square
    return Board(args.board, int(columns), int(rows), args.square, marker, args.dictionary, args.legacy)


def _print_board(board: Board, path: Path) -> int:
    per_square = round(board.square_m / 0.0254 * _PRINT_PPI)
    picture = board_image(board, per_square)
    try:
        Image.fromarray(picture).save(path, dpi=(_PRINT_PPI, _PRINT_PPI))
    except (ValueError, OSError) as error:
        raise OSError(f"the board could not be written to '{path}' ({error}); allowed: .png, .jpg, .tif") from error
    width, height = (1e3 * side for side in board.size_m)
    rows, columns = (25.4 * side / _PRINT_PPI for side in picture.shape)
    print(
        f"written: {path}, a sheet of {columns:.0f} x {rows:.0f} mm at {_PRINT_PPI:.0f} pixels an inch, which the file "
        f"says; the squares cover {width:.0f} x {height:.0f} mm. Measure a square on the print, for --square"
    )
    return 0


def _read(args: argparse.Namespace) -> Source:
    if args.live:
        from spp_sorter.ros.calibrate_live import watch

        return Source(*watch(args.image_topic, args.camera_info_topic, args.encoder_topic, args.seconds))
    if not args.source:
        raise ValueError("nothing to calibrate from; give pictures, a bag, or --live (or --print FILE for a board)")
    first = args.source[0]
    if first.suffix in (".mcap", ".db3") or (first.is_dir() and (first / "metadata.yaml").exists()):
        if len(args.source) > 1:
            raise ValueError(f"{len(args.source)} sources were given; allowed: one bag, or any number of pictures")
        from spp_sorter.ros.calibrate_live import read_bag

        return Source(*read_bag(first, args.image_topic, args.camera_info_topic, args.encoder_topic))
    return Source([(str(path), 0, _read_picture(path)) for path in _picture_files(args.source)], [], None)


def _picture_files(sources: list[Path]) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += sorted(path for path in source.iterdir() if path.suffix.lower() in _PICTURES)
        else:
            files.append(source)
    if not files:
        raise ValueError(f"no pictures in {', '.join(map(str, sources))}; allowed: {', '.join(_PICTURES)}")
    return files


def _read_picture(path: Path) -> ImageArray:
    if not path.exists():
        raise FileNotFoundError(2, "no such picture", str(path))
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"'{path}' is no picture that can be read; allowed: {', '.join(_PICTURES)}")
    return np.asarray(image, np.uint8)


def _find_boards(source: Source, board: Board) -> tuple[list[BoardSight], list[ImageArray], list[CalibrationError]]:
    sights, images, refusals = [], [], []
    for name, stamp_ns, image in source.pictures:
        assert source.intrinsics is not None
        if image.shape[:2] != tuple(source.intrinsics.size_hw):
            raise ValueError(
                f"{name or 'a picture'} is {image.shape[1]} x {image.shape[0]}, camera_info says "
                f"{source.intrinsics.size_hw[1]} x {source.intrinsics.size_hw[0]}; they must be the same"
            )
        try:
            sights.append(find_board(image, board, stamp_ns, name))
        except CalibrationError as error:
            refusals.append(error)
        else:
            images.append(image)
    return sights, images, refusals


def report(found: Calibration, num_sights: int, num_pictures: int) -> str:
    """What was found, for people."""
    pose, plane = found.camera_in_belt, found.plane
    x, y, z = pose.translation
    down = np.degrees(np.arccos(np.clip(-pose.rotation[2, 2], -1.0, 1.0)))
    lines = [
        f"board found in {num_sights} of {num_pictures} pictures",
        f"camera at x {x:.4f}, y {y:.4f}, z {z:.4f} m of `belt`, {down:.2f} deg off straight down",
        f"reprojection error {plane.rms_px:.3f} px; height to {plane.height_std_m * 1e3:.2f} mm, tilt to "
        f"{plane.tilt_std_deg:.3f} deg (one standard deviation)",
    ]
    motion = found.motion
    if motion is None:
        lines.append("the board lay still: the belt's direction is that of the board's side")
    else:
        lines.append(
            f"the board rode {motion.travel_m:.3f} m, {motion.lateral_mm:.2f} mm off a straight line; direction to "
            f"{motion.direction_std_deg:.3f} deg"
        )
        lines.append(
            f"belt speed {motion.speed_mps:.4f} m/s, to {motion.speed_std_mps:.4f} m/s"
            if motion.steady
            else "the belt's speed changed on the way: no constant speed is written"
        )
    if found.encoder is not None:
        encoder = found.encoder
        lines.append(
            f"camera stamps minus encoder stamps: {encoder.offset_s * 1e3:.2f} ms, to "
            f"{encoder.offset_std_s * 1e3:.2f} ms"
        )
        lines.append(f"the belt moves {encoder.scale:.4f} m for each metre of the encoder")
        if abs(encoder.scale - 1.0) > 0.005:
            lines.append("  that is off by more than 0.5 %: correct the encoder's metres per count, or --square")
    lines += list(found.notes)
    return "\n".join(lines)

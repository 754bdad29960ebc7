"""A calibration board, and its corners in a picture: ChArUco or chessboard, with OpenCV 4.6 and later.

Board coordinates are those of the printed sheet: u to the right and v down from its upper left corner, metres.

Letters: n corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2 as opencv
import numpy as np

from spp_sorter.values import FloatArray, ImageArray

cv2: Any = opencv  # its stubs differ between the releases

KINDS = ("charuco", "chessboard")
_LEAST_CORNERS = 8
_LEAST_SHARE = 0.25
_REFINE_WINDOW_PX = 5


class CalibrationError(ValueError):
    """Nothing can be calibrated from this.

    Attributes:
        name: what is wrong: ``board_spec``, ``no_board``, ``bad_board``, ``degenerate_view``, ``no_motion``,
            ``offset_unknown``.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Board:
    """What was printed.

    Attributes:
        kind: ``charuco`` or ``chessboard``.
        columns: squares from left to right.
        rows: squares from top to bottom.
        square_m: side of a square as measured on the print.
        marker_m: side of a marker; ChArUco only.
        dictionary: OpenCV's name of the markers' dictionary; ChArUco only.
        legacy: a ChArUco board with the pattern of OpenCV before 4.6 (a marker in the first square).
    """

    kind: str = "charuco"
    columns: int = 8
    rows: int = 6
    square_m: float = 0.04
    marker_m: float = 0.03
    dictionary: str = "DICT_5X5_100"
    legacy: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CalibrationError("board_spec", f"board is {self.kind!r}; allowed: {', '.join(KINDS)}")
        if not (3 <= self.columns <= 60 and 3 <= self.rows <= 60):
            raise CalibrationError("board_spec", f"squares are {self.columns} x {self.rows}; allowed: 3 to 60 each way")
        if not 0.002 <= self.square_m <= 1.0:
            raise CalibrationError("board_spec", f"square is {self.square_m} m; allowed: 0.002 to 1 m")
        if self.kind == "charuco" and not 0.3 * self.square_m <= self.marker_m < self.square_m:
            raise CalibrationError(
                "board_spec",
                f"marker is {self.marker_m} m; allowed: at least 0.3 of the square of {self.square_m} m, and smaller",
            )

    @property
    def corners_m(self) -> FloatArray:
        """[(columns - 1) * (rows - 1), 2] u, v of the inner corners, row by row."""
        v, u = np.mgrid[1 : self.rows, 1 : self.columns].reshape(2, -1)
        return np.stack([u, v], axis=1) * self.square_m

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height."""
        return self.columns * self.square_m, self.rows * self.square_m


@dataclass(frozen=True, slots=True)
class BoardSight:
    """A board in one picture.

    Attributes:
        board_m: [n, 2] u, v of the corners that were found.
        pixels_xy: [n, 2] where they were found (centre of the first pixel is 0, 0).
        stamp_ns: of the picture, 0 for none.
        name: of the picture, for messages.
    """

    board_m: FloatArray
    pixels_xy: FloatArray
    stamp_ns: int = 0
    name: str = ""


def find_board(image: ImageArray, board: Board, stamp_ns: int = 0, name: str = "") -> BoardSight:
    """The board's corners in a picture.

    Args:
        image: [H, W] grey or [H, W, 3] BGR, uint8.
        board: what to look for.
        stamp_ns: of the picture.
        name: of the picture.

    Raises:
        CalibrationError: ``no_board`` (nothing found, or another board) or ``bad_board`` (too little of it).
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    found = _find_charuco(grey, board) if board.kind == "charuco" else _find_chessboard(grey, board)
    total = (board.columns - 1) * (board.rows - 1)
    if len(found[0]) < max(_LEAST_CORNERS, _LEAST_SHARE * total):
        raise CalibrationError(
            "bad_board",
            f"{len(found[0])} of the board's {total} corners were found; at least "
            f"{max(_LEAST_CORNERS, round(_LEAST_SHARE * total))} are needed. Show all of it, sharp and evenly lit",
        )
    return BoardSight(*found, stamp_ns, name)


def _find_chessboard(grey: ImageArray, board: Board) -> tuple[FloatArray, FloatArray]:
    size = (board.columns - 1, board.rows - 1)
    found, corners = cv2.findChessboardCornersSB(grey, size, flags=cv2.CALIB_CB_NORMALIZE_IMAGE)
    if not found:
        found, corners = cv2.findChessboardCorners(grey, size)
    if not found:
        raise CalibrationError(
            "no_board",
            f"no chessboard of {board.columns} x {board.rows} squares ({size[0]} x {size[1]} inner corners) is wholly "
            "in the picture. Check --squares, light and focus; a white border around the board is needed",
        )
    grid = corners.reshape(size[1], size[0], 2)
    smallest = min(float(np.linalg.norm(np.diff(grid, axis=axis), axis=2).min()) for axis in (0, 1))
    window = int(np.clip(0.3 * smallest, 1, _REFINE_WINDOW_PX))
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    corners = cv2.cornerSubPix(grey, corners, (window, window), (-1, -1), criteria)
    return board.corners_m, _unmirrored(corners.reshape(-1, 2).astype(np.float64), size)


def _unmirrored(pixels: FloatArray, size: tuple[int, int]) -> FloatArray:
    """The corners in an order that no mirror image has: a printed board is seen from its front."""
    grid: FloatArray = pixels.reshape(size[1], size[0], 2)
    right, down = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
    if right[0] * down[1] - right[1] * down[0] < 0.0:
        grid = grid[:, ::-1]
    return np.ascontiguousarray(grid.reshape(-1, 2))


def _aruco() -> Any:
    if not hasattr(cv2, "aruco"):
        raise CalibrationError(
            "board_spec",
            "this OpenCV has no ArUco module; install python3-opencv of Ubuntu, or opencv-contrib-python-headless, or "
            "use a chessboard (--board chessboard)",
        )
    return cv2.aruco


def _dictionary(name: str) -> Any:
    aruco = _aruco()
    if not name.startswith("DICT_") or not hasattr(aruco, name):
        known = ", ".join(sorted(each for each in dir(aruco) if each.startswith("DICT_")))
        raise CalibrationError("board_spec", f"dictionary is {name!r}; allowed: {known}")
    number = getattr(aruco, name)
    if hasattr(aruco, "getPredefinedDictionary"):
        return aruco.getPredefinedDictionary(number)
    return aruco.Dictionary_get(number)


def _charuco_board(board: Board) -> Any:
    """OpenCV's own board; its constructor changed in 4.7, and with it the pattern of boards with an even row number."""
    aruco, dictionary = _aruco(), _dictionary(board.dictionary)
    if hasattr(aruco, "CharucoBoard_create"):
        return aruco.CharucoBoard_create(board.columns, board.rows, board.square_m, board.marker_m, dictionary)
    made = aruco.CharucoBoard((board.columns, board.rows), board.square_m, board.marker_m, dictionary)
    if board.legacy:
        made.setLegacyPattern(True)
    return made


def _find_charuco(grey: ImageArray, board: Board) -> tuple[FloatArray, FloatArray]:
    aruco, made = _aruco(), _charuco_board(board)
    if hasattr(aruco, "CharucoDetector"):
        corners, ids, _, markers = aruco.CharucoDetector(made).detectBoard(grey)
    else:
        places, markers, _ = aruco.detectMarkers(grey, _dictionary(board.dictionary))
        corners = ids = None
        if markers is not None and len(markers):
            _, corners, ids = aruco.interpolateCornersCharuco(places, markers, grey, made)
    if markers is None or not len(markers):
        raise CalibrationError(
            "no_board",
            f"no marker of {board.dictionary} is in the picture. Check --dictionary, light and focus",
        )
    most = board.columns * board.rows // 2
    strange = sorted(int(number) for number in np.ravel(markers) if number >= most)
    if strange:
        raise CalibrationError(
            "no_board",
            f"markers {strange[:5]} do not belong to a board of {board.columns} x {board.rows} squares (numbers below "
            f"{most}); check --squares and --dictionary",
        )
    if ids is None or not len(ids):
        raise CalibrationError(
            "no_board",
            f"{len(markers)} markers but no corner between them fit the board; check --squares, --marker against "
            "--square, and --legacy for boards printed with OpenCV before 4.6",
        )
    return board.corners_m[np.ravel(ids)], corners.reshape(-1, 2).astype(np.float64)


def board_image(board: Board, pixels_per_square: int = 100, margin_squares: float = 0.5) -> ImageArray:
    """A picture of the board for printing, [H, W] uint8, with a white margin."""
    margin = round(margin_squares * pixels_per_square)
    size = (board.columns * pixels_per_square, board.rows * pixels_per_square)
    if board.kind == "chessboard":
        v, u = np.mgrid[: board.rows, : board.columns]
        inner = np.kron(np.where((u + v) % 2, 255, 0), np.ones((pixels_per_square, pixels_per_square))).astype(np.uint8)
    else:
        made = _charuco_board(board)
        inner = made.generateImage(size) if hasattr(made, "generateImage") else made.draw(size)
    return np.pad(np.asarray(inner, np.uint8), margin, constant_values=255)

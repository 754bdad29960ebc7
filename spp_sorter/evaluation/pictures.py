"""The size of a picture as OpenCV will read it, found without decoding it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Pictures that are looked for where a format names none."""

_EXIF_ORIENTATION = 0x0112
_EXIF_TURNED = (5, 6, 7, 8)


class BrokenPicture(ValueError):
    """A picture cannot be read; the text says why."""


def read_size_hw(path: Path, decode: bool = False) -> tuple[int, int]:
    """Height and width with the EXIF orientation applied, pixels.

    Args:
        path: the picture.
        decode: read all of it, which finds a truncated file; else only its header.

    Raises:
        BrokenPicture: it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(_EXIF_ORIENTATION) in _EXIF_TURNED
            if decode:
                # A JPEG read at an eighth is as good for finding a cut file, and many times faster.
                picture.draft("RGB", (max(1, width // 8), max(1, height // 8)))
                picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BrokenPicture(str(error)) from error
    return (width, height) if turned else (height, width)


def find_picture(names: list[str], folders: list[Path]) -> Path:
    """The first of ``names`` that lies in one of ``folders``; where it should be when it is nowhere."""
    candidates = [folder / name for name in names for folder in folders]
    return next((candidate for candidate in candidates if is_file(candidate)), candidates[0])


def is_file(path: Path) -> bool:
    """Whether a file of this name is there; False for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for any file, or with a NUL in it
        return False

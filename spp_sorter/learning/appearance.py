"""Another light, lens and sensor for a picture whose truth stays where it is. Everything works on uint8: it is fast."""

from __future__ import annotations

import cv2
import numpy as np

from spp_sorter.values import ImageArray

_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)
_NOISE_SIDE = 1024
_noise: list[np.ndarray] = []


def photograph(image_bgr: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The picture as another camera in another light would have taken it.

    Args:
        image_bgr: [H, W, 3] uint8, left as it is.
        rng: draws what changes.
    """
    image: np.ndarray = image_bgr
    if rng.random() < 0.85:
        image = _mix_colours(image, rng)
    image = cv2.LUT(image, _tone_curves(rng))
    if rng.random() < 0.25:
        image = _vignette(image, rng)
    image = _blur(image, rng)
    if rng.random() < 0.4:
        image = _add_noise(image, float(np.exp(rng.uniform(np.log(1.5), np.log(14)))), rng)
    if rng.random() < 0.06:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.2:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return np.asarray(image, np.uint8)


def _mix_colours(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saturation and a small turn of the hue as one matrix over the colours."""
    saturation = rng.uniform(0.5, 1.5)
    angle = rng.normal(0, 0.09)
    grey = np.full((3, 3), 1 / 3)
    # A turn about the grey axis keeps the brightness (Rodrigues).
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * grey
    matrix = grey + saturation * (turn - grey)
    return cv2.transform(image, matrix)


def _tone_curves(rng: np.random.Generator) -> np.ndarray:
    """[1, 256, 3] uint8: gamma, contrast, exposure and white balance in one table."""
    gamma = np.exp(rng.normal(0, 0.22))
    curve = _LEVELS**gamma
    middle = rng.uniform(0.3, 0.6)
    curve = (curve - middle) * rng.uniform(0.7, 1.3) + middle
    exposure = rng.uniform(0.25, 0.7) if rng.random() < 0.1 else rng.uniform(0.7, 1.35)
    balance = np.exp(rng.normal(0, 0.07, size=3)).astype(np.float32)
    table = curve[:, None] * exposure * balance + rng.normal(0, 0.015)
    return np.asarray(np.clip(table * 255 + 0.5, 0, 255).astype(np.uint8)[None])


def _vignette(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darker away from some point, or brighter towards one side."""
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, 16)[:, None], np.linspace(-1, 1, 16)[None]
    if rng.random() < 0.5:
        centre = rng.uniform(-0.3, 0.3, size=2)
        gain = 1 - rng.uniform(0.1, 0.3) * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    else:
        angle = rng.uniform(0, 2 * np.pi)
        gain = 1 + rng.uniform(0.1, 0.4) * (np.cos(angle) * x + np.sin(angle) * y)
    coarse = np.clip(gain * 128, 0, 255).astype(np.uint8)
    full = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(image, cv2.merge([full] * 3), scale=1 / 128)


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, moved while the shutter was open, or of fewer pixels than it has now; mostly none of these."""
    kind = rng.random()
    if kind < 0.12:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.8))
    if kind < 0.22:
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        reach = (length - 1) / 2
        ends = [(round(reach + s * reach * np.cos(angle)), round(reach + s * reach * np.sin(angle))) for s in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return cv2.filter2D(image, -1, kernel / kernel.sum())
    if kind < 0.32:
        height, width = image.shape[:2]
        factor = rng.uniform(1.5, 3.5)
        small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
        how = cv2.INTER_NEAREST if rng.random() < 0.2 else cv2.INTER_LINEAR
        return cv2.resize(small, (width, height), interpolation=how)
    return image


def _add_noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Sensor noise, cut at a random place from a sheet that is made once."""
    if not _noise:
        sheet = np.random.default_rng(0).normal(0, 32, size=(_NOISE_SIDE, _NOISE_SIDE, 3))
        _noise.append(np.clip(sheet, -127, 127).astype(np.int8))
    height, width = image.shape[:2]
    top = int(rng.integers(0, max(1, _NOISE_SIDE - height)))
    left = int(rng.integers(0, max(1, _NOISE_SIDE - width)))
    piece = _noise[0][top : top + height, left : left + width]
    if piece.shape != image.shape:
        piece = np.resize(piece, image.shape)
    return cv2.addWeighted(image, 1.0, piece, sigma / 32, 0.0, dtype=cv2.CV_8U)

"""What belt, light, lens and items look like, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

Bgr = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class BeltLook:
    """What the belt and its surroundings look like.

    Attributes:
        color_bgr: mean colour of the rubber, 0 to 255.
        texture: contrast of the rubber's mottling and grain, 0 to 1.
        dirt: amount of stains and crumbs, 0 to 1.
        scratches: scratches per metre of belt.
        seam: whether a seam crosses the belt.
        cleat_pitch_m: distance of crosswise ribs, 0 for none.
        rail_bgr: colour of the side rails.
        floor_bgr: colour of what is seen beside the belt.
    """

    color_bgr: Bgr = (52.0, 62.0, 56.0)
    texture: float = 0.35
    dirt: float = 0.3
    scratches: float = 12.0
    seam: bool = False
    cleat_pitch_m: float = 0.0
    rail_bgr: Bgr = (150.0, 150.0, 148.0)
    floor_bgr: Bgr = (70.0, 75.0, 80.0)


@dataclass(frozen=True, slots=True)
class LightLook:
    """One lamp, and light from everywhere.

    Attributes:
        azimuth_rad: where the lamp stands, about z of ``belt`` from +x.
        elevation_rad: its height above the horizon, more than 0.5.
        ambient: share of the light that comes from everywhere, 0 to 1.
        softness_mm: width of the shadow's edge.
        color_bgr: gain of each channel, 1 is white.
        exposure: gain of all channels.
    """

    azimuth_rad: float = 2.2
    elevation_rad: float = 1.1
    ambient: float = 0.55
    softness_mm: float = 8.0
    color_bgr: Bgr = (1.0, 1.0, 1.0)
    exposure: float = 1.0


@dataclass(frozen=True, slots=True)
class ImageLook:
    """What lens and sensor do to the image.

    Attributes:
        defocus_px: standard deviation of the lens blur, pixels; 0 for none.
        motion_px: length of the motion blur along the belt's direction in the image, pixels; 0 for none.
        noise: standard deviation of the sensor noise, grey levels.
        vignetting: how much darker the corners are, 0 to 1.
        jpeg_quality: quality of a JPEG round trip, 0 for none.
    """

    defocus_px: float = 0.6
    motion_px: float = 0.0
    noise: float = 2.0
    vignetting: float = 0.12
    jpeg_quality: int = 0


@dataclass(frozen=True, slots=True)
class ItemLook:
    """How much one item differs from its sprite: each is the half width of a uniform jitter, 0 for none."""

    scale: float = 0.08
    hue_rad: float = 0.05
    brightness: float = 0.1
    saturation: float = 0.1

"""Where an item's pick point lies on the belt and how high: exact linear least squares along the track.

The state of each track is (x0, y0, h, e): the point's place when the track began, its height, and the relative error of
the belt's displacement d since then. A view gives the ground point g of its line of sight and the lever l of height
(``picking/grasp.py``), and both are known, so the two equations

    g_x - d = x0 + l_x h + d e          g_y = y0 + l_y h

are linear. An item that seems to outrun the belt has height; with e in the state the filter knows that a belt that is
measured 0.1 % too slow looks the same, and how much of the height that leaves in doubt. Kept in information form
(inverse covariance), where a view is a sum.

Letters: T tracks, M of them that are updated.
"""

from __future__ import annotations

import numpy as np

from spp_sorter.values import FloatArray

HEIGHT_PRIOR_M = 0.03
HEIGHT_PRIOR_STD_M = 0.025
DEPTH_BIAS_M = 0.008
"""Standard deviation between the height of an item's surface, which depth measures, and the height that belongs to its
pick point's line of sight: the point is that of an outline, of which the item's sides are a part."""

_PLACE_PRIOR = 1e-6  # information of an unknown place: a standard deviation of 1 km


def prior(scale_std: float) -> tuple[FloatArray, FloatArray]:
    """Information matrix [4, 4] and vector [4] of one track before any view."""
    information = np.zeros((4, 4))
    information.flat[::5] = _PLACE_PRIOR, _PLACE_PRIOR, 1.0 / HEIGHT_PRIOR_STD_M**2, 1.0 / max(scale_std, 1e-6) ** 2
    return information, np.array([0.0, 0.0, HEIGHT_PRIOR_M / HEIGHT_PRIOR_STD_M**2, 0.0])


def observation(lever_xy: FloatArray, moved_m: FloatArray) -> FloatArray:
    """The matrices [M, 2, 4] of the two equations above for levers [M, 2] and displacements [M]."""
    matrix = np.zeros((len(lever_xy), 2, 4))
    matrix[:, 0, 0] = 1.0
    matrix[:, 1, 1] = 1.0
    matrix[:, :, 2] = lever_xy
    matrix[:, 0, 3] = moved_m
    return matrix


def innovation_distances(
    mean: FloatArray, covariance: FloatArray, matrix: FloatArray, measured: FloatArray, noise_m2: FloatArray
) -> FloatArray:
    """Mahalanobis distances [M] of the measured [M, 2] from what the state predicts."""
    error = measured - (matrix @ mean[:, :, None])[:, :, 0]
    spread = matrix @ covariance @ matrix.transpose(0, 2, 1) + noise_m2
    a, b, d = spread[:, 0, 0], spread[:, 0, 1], spread[:, 1, 1]
    x, y = error[:, 0], error[:, 1]
    return np.asarray(np.sqrt((d * x * x - 2.0 * b * x * y + a * y * y) / (a * d - b * b)))


def view_information(
    matrix: FloatArray, measured: FloatArray, noise_m2: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What one view of each of M tracks adds: matrices [M, 4, 4] and vectors [M, 4]."""
    a, b, d = noise_m2[:, 0, 0], noise_m2[:, 0, 1], noise_m2[:, 1, 1]
    scale = weights / (a * d - b * b)
    inverse = np.empty_like(noise_m2)
    inverse[:, 0, 0], inverse[:, 1, 1] = d * scale, a * scale
    inverse[:, 0, 1] = inverse[:, 1, 0] = -b * scale
    gain = matrix.transpose(0, 2, 1) @ inverse
    return gain @ matrix, (gain @ measured[:, :, None])[:, :, 0]


def depth_information(readings: FloatArray) -> FloatArray:
    """What depth readings say of the height in the state: [M, 2] certainty and certainty times height.

    Args:
        readings: [M, 2] the same of the readings by themselves, summed; ``DEPTH_BIAS_M`` is an error that all of them
            share, so that they say no more than one reading without any other.
    """
    return readings / (1.0 + readings[:, :1] * DEPTH_BIAS_M**2)


def solve(information: FloatArray, vectors: FloatArray, max_height_m: float) -> tuple[FloatArray, FloatArray]:
    """States [T, 4] and covariances [T, 4, 4], with heights held between 0 and ``max_height_m``.

    A height outside is moved to the limit and the place with it, along their correlation.
    """
    covariance = np.linalg.inv(information)
    mean = (covariance @ vectors[:, :, None])[:, :, 0]
    correction = np.minimum(np.maximum(mean[:, 2], 0.0), max_height_m) - mean[:, 2]
    if correction.any():
        mean = mean + covariance[:, :, 2] * (correction / covariance[:, 2, 2])[:, None]
    return mean, covariance

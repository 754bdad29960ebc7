"""Lens distortion in normalised image coordinates, and its inverse to the last digits.

Models as in OpenCV and REP-104: ``plumb_bob`` and ``rational_polynomial`` (k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4, of
which 4, 5, 8 or 12 are given) and ``equidistant`` (k1 k2 k3 k4 of the angle, the fisheye model). A polynomial lens
model folds over beyond some angle; points out there are no part of the image and come back as NaN instead of as a
wrong pixel.

N is the number of points.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spp_sorter.values import FloatArray

BoolArray = npt.NDArray[np.bool_]

_TABLE_SIZE = 512
_WIDEST = 10.0  # tangent of the widest angle off the axis that a model with x/z can be asked for (84 degrees)
_ITERATIONS = 30
_CONVERGED = 1e-9  # Newton's last step squares it
_GOOD = 1e-7  # a step that small has converged, rounding included


def _smallest_positive_root(coefficients: FloatArray) -> float:
    """Of a polynomial with ascending coefficients; inf when there is none."""
    if not coefficients[1:].any():
        return math.inf
    roots = np.roots(coefficients[::-1])
    real = roots[np.abs(roots.imag) < 1e-9 * np.maximum(1.0, np.abs(roots))].real
    return float(real[real > 0.0].min(initial=math.inf))


class PolynomialLens:
    """``plumb_bob`` and ``rational_polynomial``: radial, tangential and thin-prism terms of x/z and y/z.

    Args:
        coefficients: [D] float64, D at most 12; what is missing is zero.
    """

    def __init__(self, coefficients: FloatArray) -> None:
        padded = np.zeros(12)
        padded[: len(coefficients)] = coefficients
        k1, k2, self._p1, self._p2, k3, k4, k5, k6 = (float(c) for c in padded[:8])
        self._numerator = (1.0, k1, k2, k3)
        self._denominator = (1.0, k4, k5, k6)
        self._prism = tuple(float(c) for c in padded[8:])
        self._rational = bool(padded[5:8].any())
        self._radial_only = not padded[[2, 3, 8, 9, 10, 11]].any()
        self.limit = self._find_limit()
        # Quadratic spacing: fine where pixels are, coarse where few are; it only starts Newton's method.
        self._radii = min(self.limit * (1.0 - 1e-9), _WIDEST) * np.linspace(0.0, 1.0, _TABLE_SIZE) ** 2
        squared = self._radii**2
        self._distorted_radii = self._radii * self._radial(squared)

    def _find_limit(self) -> float:
        """The smallest radius at which the radial function N / D of s = r^2 stops growing, inf when it never does."""
        numerator, denominator = np.array(self._numerator), np.array(self._denominator)
        powers = np.arange(1, 4)
        # d/dr (r N / D) = 0 where N D + 2 s (N' D - N D') = 0
        growth = np.convolve(numerator, denominator)
        growth[1:] += 2.0 * (
            np.convolve(powers * numerator[1:], denominator) - np.convolve(numerator, powers * denominator[1:])
        )
        return math.sqrt(min(_smallest_positive_root(growth), _smallest_positive_root(denominator)))

    def _radial(self, r2: FloatArray) -> FloatArray:
        _, k1, k2, k3 = self._numerator
        result: FloatArray = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        if self._rational:
            _, k4, k5, k6 = self._denominator
            result = result / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        return result

    def _slope(self, r2: FloatArray, radial: FloatArray) -> FloatArray:
        """Derivative of ``_radial`` by r2."""
        _, k1, k2, k3 = self._numerator
        slope: FloatArray = k1 + r2 * (2 * k2 + 3 * k3 * r2)
        if self._rational:
            _, k4, k5, k6 = self._denominator
            slope = slope - radial * (k4 + r2 * (2 * k5 + 3 * k6 * r2))
            slope = slope / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        return slope

    def distort(self, rays: FloatArray) -> FloatArray:
        """[N, 3] points in the camera's frame -> [N, 2] distorted normalised coordinates, NaN where not visible."""
        z = rays[:, 2]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = 1.0 / z
            x, y = rays[:, 0] * inverse, rays[:, 1] * inverse
            r2 = x * x + y * y
            out = np.empty((len(rays), 2))
            out[:, 0], out[:, 1] = self._distorted(x, y, r2, self._radial(r2))
            out[~((z > 1e-9) & (r2 <= self.limit**2))] = np.nan
        return out

    def _distorted(
        self, x: FloatArray, y: FloatArray, r2: FloatArray, radial: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        if self._radial_only:
            return x * radial, y * radial
        s1, s2, s3, s4 = self._prism
        return (
            x * radial + 2 * self._p1 * x * y + self._p2 * (r2 + 2 * x * x) + r2 * (s1 + s2 * r2),
            y * radial + self._p1 * (r2 + 2 * y * y) + 2 * self._p2 * x * y + r2 * (s3 + s4 * r2),
        )

    def undistort(self, distorted: FloatArray) -> FloatArray:
        """[N, 2] distorted normalised coordinates -> [N, 3] rays with z = 1, NaN where the lens sees nothing.

        Newton's method, started from the tabulated inverse of the radial function.
        """
        u, v = distorted[:, 0], distorted[:, 1]
        radius = np.sqrt(u * u + v * v)
        inside = radius <= self._distorted_radii[-1] * (1.0 if self._radial_only else 1.05)
        if not inside.all():
            u, v, radius = np.where(inside, u, 0.0), np.where(inside, v, 0.0), np.where(inside, radius, 0.0)
        rays = np.ones((len(distorted), 3))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            start = np.interp(radius, self._distorted_radii, self._radii)
            if self._radial_only:
                r, good = self._undistort_radius(radius, start)
                scale = np.where(radius > 1e-12, r / radius, 1.0)
                rays[:, 0], rays[:, 1] = u * scale, v * scale
            else:
                scale = np.where(radius > 1e-12, start / radius, 1.0)
                rays[:, 0], rays[:, 1], good = self._undistort_plane(u, v, u * scale, v * scale)
        bad = ~(inside & good)
        if bad.any():
            rays[bad] = np.nan
        return rays

    def _undistort_radius(self, target: FloatArray, r: FloatArray) -> tuple[FloatArray, BoolArray]:
        for _ in range(_ITERATIONS):
            r2 = r * r
            radial = self._radial(r2)
            step = (r * radial - target) / (radial + 2.0 * r2 * self._slope(r2, radial))
            r = r - step
            if np.abs(step).max(initial=0.0) < _CONVERGED:
                break
        return r, (np.abs(step) < _GOOD) & (r <= self.limit)

    def _undistort_plane(
        self, u: FloatArray, v: FloatArray, x: FloatArray, y: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        s1, s2, s3, s4 = self._prism
        for _ in range(_ITERATIONS):
            r2 = x * x + y * y
            radial = self._radial(r2)
            slope = 2.0 * self._slope(r2, radial)
            distorted_x, distorted_y = self._distorted(x, y, r2, radial)
            error_x, error_y = distorted_x - u, distorted_y - v
            prism_x, prism_y = slope * x + 2 * s1 + 4 * s2 * r2, slope * y + 2 * s3 + 4 * s4 * r2
            tangential = 2 * self._p1 * x + 2 * self._p2 * y
            xx = radial + prism_x * x + 2 * self._p1 * y + 6 * self._p2 * x
            yy = radial + prism_y * y + 6 * self._p1 * y + 2 * self._p2 * x
            xy, yx = prism_x * y + tangential, prism_y * x + tangential
            determinant = xx * yy - xy * yx
            step_x = (yy * error_x - xy * error_y) / determinant
            step_y = (xx * error_y - yx * error_x) / determinant
            x, y = x - step_x, y - step_y
            step = np.maximum(np.abs(step_x), np.abs(step_y))
            if step.max(initial=0.0) < _CONVERGED:
                break
        return x, y, (step < _GOOD) & (x * x + y * y <= self.limit**2)


class FisheyeLens:
    """``equidistant``: the radius in the image is a polynomial of the angle off the axis (Kannala and Brandt 2006).

    Args:
        coefficients: [4] float64 k1 k2 k3 k4 of theta^3, theta^5, theta^7, theta^9.
    """

    def __init__(self, coefficients: FloatArray) -> None:
        self._odd = (1.0, *(float(c) for c in coefficients))
        growth = np.array([(2 * i + 1) * c for i, c in enumerate(self._odd)])
        self.limit = min(math.sqrt(_smallest_positive_root(growth)), math.pi / 2)
        self._angles = np.linspace(0.0, self.limit, _TABLE_SIZE)
        self._radii = self._radius(self._angles)

    def _radius(self, theta: FloatArray) -> FloatArray:
        t2 = theta * theta
        _, k1, k2, k3, k4 = self._odd
        return theta * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))

    def _slope(self, theta: FloatArray) -> FloatArray:
        t2 = theta * theta
        _, k1, k2, k3, k4 = self._odd
        slope: FloatArray = 1.0 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
        return slope

    def distort(self, rays: FloatArray) -> FloatArray:
        """[N, 3] points in the camera's frame -> [N, 2] distorted normalised coordinates, NaN where not visible."""
        planar = np.hypot(rays[:, 0], rays[:, 1])
        with np.errstate(invalid="ignore"):
            theta = np.arctan2(planar, rays[:, 2])
            visible = (rays[:, 2] > 1e-9) & (theta <= self.limit)
            scale = np.where(planar > 1e-12, self._radius(theta) / np.maximum(planar, 1e-12), 1.0 / rays[:, 2])
            return np.where(visible[:, None], rays[:, :2] * scale[:, None], np.nan)

    def undistort(self, distorted: FloatArray) -> FloatArray:
        """[N, 2] distorted normalised coordinates -> [N, 3] unit rays, NaN where the lens sees nothing."""
        radius = np.hypot(distorted[:, 0], distorted[:, 1])
        inside = radius <= self._radii[-1] + 1e-12
        target = np.where(inside, radius, 0.0)
        theta = np.interp(target, self._radii, self._angles)
        for _ in range(_ITERATIONS):
            before = theta
            step = (self._radius(theta) - target) / np.maximum(self._slope(theta), 1e-6)
            theta = np.minimum(np.maximum(theta - step, 0.0), self.limit)
            if np.abs(theta - before).max(initial=0.0) < _CONVERGED:
                break
        rays = np.empty((len(theta), 3))
        rays[:, :2] = distorted * (np.sin(theta) / np.maximum(radius, 1e-12))[:, None]
        rays[:, 2] = np.cos(theta)
        rays[~inside] = np.nan
        return rays

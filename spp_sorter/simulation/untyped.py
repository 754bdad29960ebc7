"""OpenCV without its type stubs: they differ between its releases and know only one wide array type."""

from __future__ import annotations

from typing import Any

import cv2 as opencv

cv2: Any = opencv

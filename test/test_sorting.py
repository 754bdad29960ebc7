import numpy as np

from spp_sorter.config import Config
from spp_sorter.sorting import Sorter
from spp_sorter.values import LABELS, Detections, Frame


class NothingThere:
    label_names = LABELS

    def detect(self, image_bgr):
        return Detections.empty(LABELS)


def test_a_frame_without_camera_info_is_named_and_offers_nothing():
    sorter = Sorter(NothingThere(), Config())
    result = sorter.process(Frame(5, np.zeros((480, 640, 3), np.uint8)))
    assert [status.name for status in result.statuses] == ["no_camera_info"]
    assert result.picks == ()
    assert set(result.stages_ms) == {"detect", "track", "plan"}

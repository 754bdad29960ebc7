"""The belt's motion by its own look, on rendered belts."""

import numpy as np
import pytest

from spp_sorter.config import Config
from spp_sorter.geometry.belt_texture import BeltTexture
from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.belt_world import BeltWorld, WorldConfig
from spp_sorter.simulation.looks import ImageLook
from spp_sorter.sorting import Sorter
from spp_sorter.values import LABELS, Detections, Frame, Status

START_NS = 1_700_000_000_000_000_000


class Belt:
    """A rendered belt, and what a detector would say about it."""

    label_names = LABELS

    def __init__(self, density, speed_mps, seed=5):
        config = WorldConfig(seed=seed, density=density, split="test", speed_mps=speed_mps, image=ImageLook(noise=2.0))
        self.world = BeltWorld(config)
        self.camera = Camera(config.camera, config.camera_in_belt)

    def look(self, frame):
        """Stamp, picture and boxes of a frame."""
        time_ns = round(frame * 1e9 / 30)
        rendered = self.world.render(time_ns)
        boxes = [item.box_xyxy for item in rendered.truth.items if item.visible_fraction > 0.3]
        return START_NS + time_ns, rendered.image_bgr, np.array(boxes).reshape(-1, 4)

    def true_m(self, frame):
        """Where the belt is at a frame."""
        return self.world.belt_position_m(round(frame * 1e9 / 30))

    def detect(self, image_bgr):  # noqa: ARG002
        """Nothing."""
        return Detections.empty()


@pytest.mark.parametrize(
    ("density", "speed"), [("sparse", 0.5), ("touching", ((0.0, 0.3), (0.7, 0.6))), ("sparse", 0.0)]
)
def test_the_belt_is_followed_beside_its_items(density, speed):
    belt, texture = Belt(density, speed), BeltTexture()
    for frame in range(20):
        stamp_ns, image, boxes = belt.look(frame)
        position = texture.update(stamp_ns, image, boxes, belt.camera)
        assert position == pytest.approx(belt.true_m(frame), abs=1e-3 + 0.005 * belt.true_m(frame))


def test_a_plain_belt_is_named():
    belt, texture = Belt("sparse", 0.5), BeltTexture()
    rng = np.random.default_rng(0)
    answers = []
    for frame in range(4):
        plain = (90 + rng.normal(0, 2, (480, 640, 3))).astype(np.uint8)
        answers.append(texture.update(START_NS + frame, plain, np.zeros((0, 4)), belt.camera))
    assert answers[0] == 0.0
    assert all(isinstance(answer, Status) and answer.name == "belt_texture_lost" for answer in answers[1:])


def test_stamps_that_go_back_begin_anew():
    belt, texture = Belt("sparse", 0.5), BeltTexture()
    for frame in (0, 1, 2):
        assert texture.update(*belt.look(frame), belt.camera) == pytest.approx(belt.true_m(frame), abs=1e-3)
    assert texture.update(*belt.look(1), belt.camera) == 0.0


def test_a_sorter_goes_by_the_texture_when_told_to():
    belt = Belt("sparse", 0.4, seed=8)
    sorter = Sorter(belt, Config().replaced({"belt.motion": "texture"}))
    names = []
    for frame in range(8):
        stamp_ns, image, _ = belt.look(frame)
        result = sorter.process(Frame(stamp_ns, image, "camera", belt.world.intrinsics, belt.world.camera_in_belt))
        names.append([status.name for status in result.statuses])
    assert names[0] == ["belt_motion_unknown"]
    assert names[2:] == [[]] * 6

"""Box arithmetic of the network, held to torchvision's and to its own inverses."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from spp_sorter.network.boxes import clip_boxes, decode_boxes, encode_boxes, pairwise_cover, pairwise_iou
from spp_sorter.network.decode import decode_grasps, encode_grasps

SIDE = st.floats(2, 200, width=32)
CORNER = st.floats(-50, 500, width=32)


@st.composite
def boxes(draw, max_size=6):
    rows = []
    for _ in range(draw(st.integers(1, max_size))):
        x, y = draw(CORNER), draw(CORNER)
        rows.append([x, y, x + draw(SIDE), y + draw(SIDE)])
    return torch.tensor(rows, dtype=torch.float32)


@given(boxes(), boxes())
def test_iou_is_torchvisions(a, b):
    torch.testing.assert_close(pairwise_iou(a, b), box_iou(a, b), atol=1e-5, rtol=1e-4)


@given(boxes())
def test_refinements_decode_to_the_box_they_were_made_from(a):
    reference = a.roll(1, 0) + 3
    scale = ((a[:, 2:] - a[:, :2]) / (reference[:, 2:] - reference[:, :2])).log().abs().max()
    if scale < 3.9:
        torch.testing.assert_close(decode_boxes(encode_boxes(a, reference), reference), a, atol=0.02, rtol=1e-4)


def test_refinements_cannot_overflow():
    decoded = decode_boxes(torch.tensor([[0.0, 0.0, 1e6, 1e6]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
    assert decoded.isfinite().all()


def test_cover_is_the_part_inside():
    inner, outer = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[5.0, 0.0, 100.0, 100.0]])
    assert pairwise_cover(inner, outer).item() == 0.5
    assert pairwise_iou(inner, torch.tensor([[20.0, 20.0, 20.0, 30.0]])).item() == 0


def test_clipping_keeps_boxes_inside():
    clipped = clip_boxes(torch.tensor([[-5.0, -5.0, 700.0, 20.0]]), (480, 640))
    assert clipped.tolist() == [[0, 0, 640, 20]]


@given(
    st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-math.pi / 2 + 0.01, math.pi / 2), SIDE, st.floats(0.1, 1.0)
)
def test_grasps_decode_to_what_they_were_made_from(dx, dy, yaw, length, aspect):
    window = torch.tensor([[40.0, 48.0, 120.0, 136.0]])
    grasp = torch.tensor([[80 + 80 * dx, 92 + 88 * dy, yaw, length, length * aspect]])
    if length * aspect > 2:
        decoded = decode_grasps(encode_grasps(grasp, window), window, window)
        torch.testing.assert_close(decoded[:, :2], grasp[:, :2], atol=0.01, rtol=1e-4)
        torch.testing.assert_close(decoded[:, 3:], grasp[:, 3:], atol=0.01, rtol=1e-3)
        turn = (decoded[0, 2] - grasp[0, 2] + math.pi / 2) % math.pi - math.pi / 2
        assert abs(turn) < 1e-3 or length * (1 - aspect) < 0.1  # the long axis of a square is a matter of rounding


def test_the_pick_point_stays_inside_the_box():
    raw = torch.tensor([[9.0, -9.0, 1.0, 0.0, 0.0, 0.0]])
    box = torch.tensor([[10.0, 10.0, 30.0, 40.0]])
    assert decode_grasps(raw, box, box)[0, :2].tolist() == [30.0, 10.0]


def test_length_is_never_less_than_width():
    raw = torch.tensor([[0.0, 0.0, 1.0, 0.0, math.log(0.2), math.log(0.8)]])
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    grasp = decode_grasps(raw, box, box)[0]
    torch.testing.assert_close(grasp[2:], torch.tensor([math.pi / 2, 8.0, 2.0]), atol=1e-4, rtol=1e-4)

"""Two ways to run a frame are told apart by what they answer, and by nothing else."""

import math

import pytest
import torch

from spp_sorter.network.agreement import BLOCK_PX, disagreement, made_up_picture
from spp_sorter.network.frame import BOX, GRASP, KEPT, PROBS, RANK


@pytest.fixture
def table():
    """Twenty detections far from each other, twice as long as wide."""
    torch.manual_seed(0)
    rows = torch.zeros(20, PROBS + 2)
    corner = torch.stack([torch.arange(20) % 5 * 50.0, torch.arange(20) // 5 * 50.0], dim=1)
    rows[:, KEPT], rows[:, RANK] = 1, torch.rand(20)
    rows[:, BOX] = torch.cat([corner, corner + 40], dim=1)
    rows[:, GRASP] = torch.cat([corner + 20, torch.rand(20, 1), torch.tensor([[30.0, 15.0]]).repeat(20, 1)], dim=1)
    rows[:, PROBS:] = torch.rand(20, 2)
    return rows


def changed(table, column, by):
    other = table.clone()
    other[:, column] += by
    return other


def test_the_order_of_rows_and_rounding_do_not_matter(table):
    assert disagreement(table, table.flip(0)) == ""
    assert disagreement(table, table + 0.01 * torch.randn(table.shape)) == ""
    half_turned = changed(table, GRASP.start + 2, math.pi)
    assert disagreement(table, half_turned) == ""


@pytest.mark.parametrize(
    ("column", "by"),
    [
        (BOX, 8.0),
        (slice(PROBS, None), 0.5),
        (RANK, 0.5),
        (GRASP.start, 8.0),
        (GRASP.start + 2, 0.5),
        (GRASP.start + 3, 15.0),
        (GRASP.start + 4, math.nan),
    ],
)
def test_every_answer_counts(table, column, by):
    assert disagreement(table, changed(table, column, by)) == "0 of 20 answers are the same"


def test_the_yaw_of_a_round_item_means_nothing(table):
    table[:, GRASP.start + 3] = 16.0
    assert disagreement(table, changed(table, GRASP.start + 2, 0.5)) == ""


def test_answers_too_few_and_too_many(table):
    fewer = table.clone()
    fewer[13:, KEPT] = 0
    assert disagreement(table, fewer) == "13 of 20 answers are the same"
    assert disagreement(fewer, table) == "13 of 20 answers are the same"
    none = changed(table, KEPT, -1)
    assert disagreement(table, none) == "0 of 20 answers are the same"
    assert disagreement(none, none) == ""
    assert disagreement(table, table[:, 1:]) == "tables of (20, 12), not (20, 13)"


def test_the_picture_is_the_same_every_time():
    picture = made_up_picture((50, 70), torch.device("cpu"))
    assert picture.shape == (50, 70, 3) and picture.dtype == torch.uint8 and picture.is_contiguous()
    assert torch.equal(picture, made_up_picture((50, 70), torch.device("cpu")))
    assert (picture[:BLOCK_PX, :BLOCK_PX] == picture[0, 0]).all() and len(picture.unique()) > 20

"""Endless sources: what a draw shows follows from the draw, whoever makes it and whatever was shown before."""

import numpy as np
import pytest
import torch
from test_training import Pictures

from spp_sorter.learning import batches, streams
from spp_sorter.learning.batches import BatchPlan, as_batch, collate, collate_arrays, make_loader
from spp_sorter.learning.schedule import NEVER, Schedule, average_decay
from spp_sorter.learning.streams import BeltStream, Draw, FreshScenes, MixedStream, StreamSource


@pytest.fixture
def rendered(monkeypatch):
    """Seeds of the scenes that were rendered, in place of rendering them."""
    seeds = []

    def render(seed, *rest):
        assert rest[-1] == "train"
        seeds.append(seed)
        return seed

    monkeypatch.setattr(streams, "render_scene", render)
    return seeds


def turns(stream, lane, lanes, first, last):
    return [stream.draw(Draw(0, lane * 100_000 + turn, lane, lanes, turn)) for turn in range(first, last)]


def test_a_belt_stream_shows_each_scene_several_times_and_goes_on_to_new_ones(rendered):
    shown = turns(BeltStream(1000, ("a", "b"), fresh=0.1), 0, 1, 0, 4000)
    assert len(set(shown)) == len(rendered) == pytest.approx(400, abs=20), "each scene is rendered once"
    assert max(shown[:50]) < 1020 < min(shown[-50:])
    assert len(set(shown[-640:])) > 60


@pytest.mark.usefixtures("rendered")
def test_a_resumed_belt_stream_shows_what_an_uninterrupted_one_would():
    whole = turns(BeltStream(0, ("a", "b"), 0.1), 1, 3, 0, 900)
    resumed = turns(BeltStream(0, ("a", "b"), 0.1), 1, 3, 600, 900)
    assert resumed == whole[600:]
    assert not set(whole) & set(turns(BeltStream(0, ("a", "b"), 0.1), 2, 3, 0, 900)), "lanes share no scene"


@pytest.mark.usefixtures("rendered")
def test_a_fresh_belt_never_repeats():
    shown = turns(BeltStream(0, ("a", "b"), 1.0), 0, 1, 0, 100)
    assert len(set(shown)) == 100


@pytest.mark.usefixtures("rendered")
def test_memory_is_bounded():
    stream = BeltStream(0, ("a", "b"), 0.5)
    turns(stream, 0, 1, 0, 2000)
    assert len(stream.kept) <= streams.SCENES_KEPT + 1


class Numbers:
    def __init__(self, offset, count):
        self.offset, self.count = offset, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        assert 0 <= index < self.count
        return self.offset + index


def test_a_mix_keeps_its_shares_and_its_choices():
    mix = MixedStream([(FreshScenes(Numbers(0, 1 << 40)), 3), (Numbers(-5, 5), 1)], seed=4)
    draws = [Draw(0, position, 0, 1, position) for position in range(2000)]
    shown = [mix.draw(draw) for draw in draws]
    assert np.mean(np.array(shown) < 0) == pytest.approx(0.25, abs=0.03)
    assert {value for value in shown if value < 0} == {-5, -4, -3, -2, -1}
    assert all(value == position for position, value in enumerate(shown) if value >= 0)
    assert shown == [mix.draw(draw) for draw in draws]
    assert len(mix) == StreamSource.ENDLESS


def test_lanes_of_a_plan_are_those_of_its_makers():
    plan = BatchPlan(StreamSource.ENDLESS, 2, 3, 9, 0, ((64, 96),), lanes=3, rank=1, world=2)
    rows = [[sized.draw for sized in batch] for batch in plan]
    assert [row[0].lane for row in rows] == [1, 3, 5, 1, 3, 5] and all(draw.lanes == 6 for row in rows for draw in row)
    assert [draw.turn for row in rows for draw in row] == [2, 3, 2, 3, 2, 3, 4, 5, 4, 5, 4, 5]
    other = BatchPlan(StreamSource.ENDLESS, 2, 3, 9, 0, ((64, 96),), lanes=3, rank=0, world=2)
    positions = [sized.draw.position for batch in other for sized in batch]
    assert sorted(positions + [draw.position for row in rows for draw in row]) == list(range(12, 36))


def test_batches_are_the_same_through_shared_memory_and_through_a_pipe(monkeypatch):
    samples = [Pictures()[index] for index in range(3)]
    images, targets = collate(samples).to(torch.device("cpu"))
    assert images.shape == (3, 3, 64, 96) and images.is_contiguous(memory_format=torch.channels_last)
    assert images[1, :, 20, 40].tolist() == [230, 200, 30], "RGB"
    assert [t.labels.tolist() for t in targets] == [[0], [1], [0]]
    assert targets[2].boxes_xyxy.tolist() == [[20, 10, 60, 40]] and not targets[2].ignore.any()
    again, _ = as_batch(collate_arrays(samples)).to(torch.device("cpu"))
    assert torch.equal(images, again)
    monkeypatch.setattr(batches, "SHARED_MEMORY", batches.Path("/nowhere"))
    plan = BatchPlan(4, 2, 0, 1, 0, ((64, 96),))
    assert make_loader(Pictures(), plan, 1, pin=False).collate_fn is collate_arrays


def test_heads_learn_first_and_the_stem_last():
    schedule = Schedule(warm_up=0.05, frozen_below=2)
    strides = [schedule.frozen(progress) for progress in np.linspace(0, 1, 101)]
    assert strides[0] == NEVER and strides[-1] == 2 and strides == sorted(strides, reverse=True)
    assert Schedule(frozen_below=8).frozen(1.0) == 8
    rates = [schedule.rate(progress) for progress in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=0.01) and np.argmax(rates) == 5
    assert rates[0] < 0.05 and rates[-1] == pytest.approx(0.01)


def test_the_average_looks_back_over_a_part_of_the_training():
    assert average_decay(0, 1000, 0.9998) == pytest.approx(0.1)
    assert average_decay(900, 1000, 0.9998) == pytest.approx(0.95)
    assert average_decay(90_000, 100_000, 0.9998) == pytest.approx(0.9995)
    assert average_decay(900_000, 10_000_000, 0.9998) == pytest.approx(0.9998)

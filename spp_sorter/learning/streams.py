"""Endless sources of training pictures: which picture a draw shows follows from the draw, memory only saves time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spp_sorter.learning.samples import SampleSource, TrainingSample, render_scene

FIRST_SCENES = 8
"""Scenes that a lane of a belt stream starts with."""

SCENES_KEPT = 64
"""Scenes that a lane shows in turn, about 60 MB; every 1 / fresh draws a new one takes the place of the oldest."""


class Draw(NamedTuple):
    """One picture to show.

    Attributes:
        picture: number of the picture, for sources that have a number of them.
        position: number of the draw in the whole training.
        lane: which maker of pictures makes it.
        lanes: how many there are.
        turn: number of the draw in its lane.
    """

    picture: int
    position: int
    lane: int
    lanes: int
    turn: int


class StreamSource:
    """A source without end: no two draws need be the same."""

    ENDLESS = 1 << 40

    def __len__(self) -> int:
        return self.ENDLESS

    def draw(self, draw: Draw) -> TrainingSample:
        """The picture of one draw."""
        raise NotImplementedError


class FreshScenes(StreamSource):
    """A new scene for every draw.

    Args:
        scenes: a source whose pictures are made when asked for; draw i shows picture i.
    """

    def __init__(self, scenes: SampleSource) -> None:
        self.scenes = scenes

    def draw(self, draw: Draw) -> TrainingSample:
        """Picture number ``position``."""
        return self.scenes[draw.position % len(self.scenes)]


class BeltStream(StreamSource):
    """Scenes of the simulated belt, each shown several times, because rendering one takes a tenth of a second and more.

    Every lane shows scenes of its own out of a window that moves on by one scene every 1 / ``fresh`` draws. Which scene
    a draw shows follows from the draw and the seed; the scenes in memory only save rendering them again, so a resumed
    run with as many lanes shows what an uninterrupted one would have.

    Args:
        seed: of the first scene.
        label_names: order of the labels.
        fresh: share of the draws that show a new scene, above 0 and at most 1.
        share: share of a lane's turns that come here; the window moves with these.
    """

    def __init__(self, seed: int, label_names: Sequence[str], fresh: float, share: float = 1.0) -> None:
        self.seed = seed
        self.label_names = tuple(label_names)
        self.fresh = fresh
        self.share = share
        self.kept: dict[int, TrainingSample] = {}

    def draw(self, draw: Draw) -> TrainingSample:
        """One of the scenes that the draw's lane shows at the draw's turn."""
        if self.fresh >= 1:
            return render_scene(self.seed + draw.position, self.label_names, "train")
        newest = FIRST_SCENES - 1 + int(draw.turn * self.share * self.fresh)
        oldest = max(0, newest + 1 - SCENES_KEPT)
        scene = int(np.random.default_rng([self.seed, 5, draw.position]).integers(oldest, newest + 1))
        seed = self.seed + draw.lane + draw.lanes * scene
        if seed not in self.kept:
            for gone in [key for key in self.kept if key < self.seed + draw.lane + draw.lanes * oldest]:
                del self.kept[gone]
            self.kept[seed] = render_scene(seed, self.label_names, "train")
        return self.kept[seed]


class MixedStream(StreamSource):
    """Several sources, each with its share of the draws.

    Args:
        parts: sources and their shares, in any unit.
        seed: of the choice.
    """

    def __init__(self, parts: Sequence[tuple[SampleSource | StreamSource, float]], seed: int) -> None:
        self.sources = tuple(source for source, _ in parts)
        shares = np.array([share for _, share in parts], np.float64)
        self.ends = np.cumsum(shares / shares.sum())
        self.seed = seed

    def draw(self, draw: Draw) -> TrainingSample:
        """A picture of the source that the draw falls to."""
        rng = np.random.default_rng([self.seed, 4, draw.position])
        which = min(int(np.searchsorted(self.ends, rng.random(), side="right")), len(self.sources) - 1)
        source = self.sources[which]
        if isinstance(source, StreamSource):
            return source.draw(draw)
        return source[int(rng.integers(len(source)))]

"""What a procedural object is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A procedural object: ``build(rng)`` makes Blender objects, each of ``seeds`` gives another individual.

    ``lies_as_built`` keeps the built orientation (flat and heaped things), and turns it over for a second pose;
    otherwise resting poses come from the hull.
    """

    name: str
    label: str
    family: str
    split: str
    build: Callable
    seeds: int = 3
    poses: int = 1
    lies_as_built: bool = False


def compost(name, family, split, build, **more):
    """A compostable."""
    return Recipe(name, "compost", family, split, build, **more)


def contaminant(name, family, split, build, **more):
    """A contaminant."""
    return Recipe(name, "non_compost", family, split, build, **more)


def compost_to_train(name, family, build, **more):
    """A compostable of the train split."""
    return compost(name, family, "train", build, **more)


def compost_as_built(name, family, build, **more):
    """A compostable of the train split that lies as it was built."""
    return compost_to_train(name, family, build, **{"lies_as_built": True, **more})


def contaminant_to_train(build, family=None, **more):
    """A contaminant of the train split, named after the function that builds it, as is its family unless given."""
    return contaminant(build.__name__, family or build.__name__, "train", build, **more)

"""Settings of the simulated cell, shared by the camera that shows it and the judge that knows its truth."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from spp_sorter.config import ConfigError, Parameter
from spp_sorter.simulation.belt_world import WorldConfig
from spp_sorter.simulation.scene_config import DENSITIES, SPLITS, ImageLook


def _p(default: Any, text: str, **meta: Any) -> Any:
    return field(default=default, metadata={"help": text, **meta})


@dataclass(frozen=True, slots=True)
class CellSettings:
    """The simulated belt, its camera and its encoder."""

    seed: int = _p(0, "everything random follows from it", minimum=0, maximum=2**31 - 1)
    density: str = _p("sparse", "how the items lie", choices=DENSITIES)
    split: str = _p("test", "which objects lie on the belt; test ones were never trained on", choices=SPLITS)
    width: int = _p(640, "columns of the images", unit="px", minimum=64, maximum=4096)
    height: int = _p(480, "rows of the images", unit="px", minimum=64, maximum=4096)
    fps: float = _p(30.0, "frames per second", unit="Hz", minimum=0.1, maximum=240.0)
    speed: float = _p(0.5, "belt speed along +x of `belt`", unit="m/s", minimum=-3.0, maximum=3.0)
    noise: float = _p(2.0, "standard deviation of the sensor noise, grey levels", minimum=0.0, maximum=50.0)
    depth: bool = _p(False, "publish `depth`, aligned to the image")
    depth_noise: float = _p(0.001, "standard deviation of the depth noise", unit="m", minimum=0.0, maximum=0.1)
    encoder_rate: float = _p(100.0, "belt encoder readings per second", unit="Hz", minimum=1.0, maximum=1000.0)
    duration: float = _p(0.0, "seconds of frames, then silence; 0 for endless", unit="s", minimum=0.0, maximum=86400.0)
    render_ahead: int = _p(
        8, "frames rendered before their time; the first is sent when so many are ready", minimum=1, maximum=100000
    )
    wait_for_subscribers: int = _p(
        0, "the first frame is taken when so many subscribe to `image`", minimum=0, maximum=100
    )

    @staticmethod
    def parameters() -> Iterator[Parameter]:
        """Every setting with its help and range."""
        default = CellSettings()
        for item in fields(CellSettings):
            yield Parameter(item.name, getattr(default, item.name), **item.metadata)

    @staticmethod
    def from_values(values: Mapping[str, object]) -> CellSettings:
        """Settings with ``values`` in place of the defaults.

        Raises:
            ConfigError: naming every unknown name and value out of range.
        """
        known = {parameter.name: parameter for parameter in CellSettings.parameters()}
        problems: list[str] = []
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                problems.append(f"parameter '{name}' is unknown; known: {', '.join(known)}")
                continue
            try:
                checked[name] = known[name].check(value)
            except ConfigError as error:
                problems.append(str(error))
        if problems:
            raise ConfigError("; ".join(problems))
        return CellSettings(**checked)

    @property
    def period_ns(self) -> float:
        """Nanoseconds from one frame to the next."""
        return 1e9 / self.fps

    @property
    def num_frames(self) -> int | None:
        """Frames in ``duration``, None for endless."""
        return round(self.duration * self.fps) if self.duration else None

    @property
    def frame_bytes(self) -> int:
        """Memory that a rendered frame takes."""
        return self.width * self.height * (7 if self.depth else 3)

    def frame_time_ns(self, k: int) -> int:
        """When frame ``k`` is exposed, after frame 0."""
        return round(k * self.period_ns)

    def world_config(self) -> WorldConfig:
        """The world that these settings describe."""
        return WorldConfig(
            seed=self.seed,
            density=self.density,
            split=self.split,
            size_hw=(self.height, self.width),
            speed_mps=self.speed,
            image=ImageLook(noise=self.noise),
            depth_noise_m=self.depth_noise if self.depth else 0.0,
        )


@dataclass(frozen=True, slots=True)
class CellStart:
    """The settings of a cell and the moment of its first frame: enough to know its truth at any stamp.

    Attributes:
        settings: of the cell.
        start_ns: stamp of frame 0, which is time 0 of the world.
    """

    settings: CellSettings
    start_ns: int

    def to_json(self) -> str:
        """For ``~/world``."""
        return json.dumps({"settings": dataclasses.asdict(self.settings), "start_ns": self.start_ns})

    @staticmethod
    def from_json(text: str) -> CellStart:
        """What ``to_json`` wrote; raises ConfigError or ValueError for anything else."""
        content = json.loads(text)
        return CellStart(CellSettings.from_values(content["settings"]), int(content["start_ns"]))

"""Every parameter once: name, default, unit, range, help. ROS parameters, YAML and CLI derive from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Value = bool | int | float | str | tuple[float, ...] | tuple[str, ...]


class ConfigError(ValueError):
    """One or more parameters are unknown, of the wrong type, or out of range; the text lists all of them."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: full dotted name, such as ``belt.speed``.
        default: its default; its type is the parameter's type.
        help: one line for people.
        unit: SI unit, empty when there is none.
        minimum: smallest allowed value, None for no limit.
        maximum: greatest allowed value, None for no limit.
        choices: allowed strings, empty for any.
        length: required number of elements of a tuple, None for any.
        live: whether it may change while the node is active.
    """

    name: str
    default: Value
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None
    live: bool = False

    def check(self, value: object) -> Value:
        """Return ``value`` in the parameter's type.

        Raises:
            ConfigError: wrong type or out of range, naming the parameter, the value and what is allowed.
        """
        checked: Value = (
            self._check_tuple(value) if isinstance(self.default, tuple) else self._check_scalar(value, self.default)
        )
        return checked

    def _check_tuple(self, value: object) -> Any:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise self._error(value, "a list")
        items = list(value)
        if self.length is not None and len(items) != self.length:
            raise self._error(items, f"{self.length} elements")
        kind = self.default[0] if isinstance(self.default, tuple) and self.default else ""
        return tuple(self._check_scalar(item, kind) for item in items)

    def _check_scalar(self, value: object, like: object) -> Any:
        if isinstance(like, bool):
            if not isinstance(value, bool):
                raise self._error(value, "true or false")
            return value
        if isinstance(like, str):
            if not isinstance(value, str):
                raise self._error(value, "a string")
            if self.choices and value not in self.choices:
                raise self._error(value, "one of " + ", ".join(self.choices))
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._error(value, "a number")
        if isinstance(like, int) and not isinstance(value, int):
            raise self._error(value, "a whole number")
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        # An integer too large for a float is finite, and cannot be asked whether it is.
        if (isinstance(value, float) and not math.isfinite(value)) or not low <= value <= high:
            raise self._error(value, f"{low:g} to {high:g}" + (f" {self.unit}" if self.unit else ""))
        return float(value) if isinstance(like, float) else value

    def _error(self, value: object, allowed: str) -> ConfigError:
        return ConfigError(f"parameter '{self.name}' is {value!r}; allowed: {allowed} ({self.help})")


def _p(default: Value, text: str, **meta: Any) -> Any:
    return field(default=default, metadata={"help": text, **meta})


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """How the node takes frames."""

    autostart: bool = _p(True, "configure and activate at start without a lifecycle manager")
    executor: str = _p(
        "single", "what runs the callbacks; events is rclpy's, and experimental", choices=("single", "events")
    )
    image_transport: str = _p("raw", "how `image` comes", choices=("raw", "compressed"))
    use_depth: bool = _p(False, "subscribe to `depth` (aligned to `image`)")
    target_frame: str = _p("belt", "frame id of picks and 3D detections")
    max_age: float = _p(
        1.0,
        "frames older than this against the clock are stale; 0 for never",
        unit="s",
        minimum=0.0,
        maximum=3600.0,
        live=True,
    )
    stale_after: float = _p(
        2.0,
        "silence of the camera after which the status is STALE and picks are withdrawn",
        unit="s",
        minimum=0.1,
        maximum=3600.0,
        live=True,
    )


SHIPPED_MODELS = ("default", "nano")
"""Names that stand for the checkpoints of the package."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which network runs, and on what."""

    checkpoint: str = _p("", "path of a checkpoint or an ONNX file; empty for the shipped weights, nano for small ones")
    sha256: str = _p("", "SHA-256 that the checkpoint's file must have, in hexadecimal; empty for any")
    device: str = _p("auto", "auto, cpu, cuda or cuda:N")
    precision: str = _p("auto", "arithmetic of the network", choices=("auto", "fp32", "bf16", "fp16"))
    threads: int = _p(0, "CPU threads of the network, 0 for all", minimum=0, maximum=256)
    proposer: str = _p("rpn", "where candidate windows come from", choices=("rpn", "belt", "grid", "selective_search"))
    proposals: int = _p(100, "windows pooled per frame, at most", minimum=1, maximum=4000)
    long_side: int = _p(
        0,
        "longer side of the network's input, a multiple of 32: larger sees smaller items and is slower; "
        "0 for the checkpoint's own",
        unit="px",
        minimum=0,
        maximum=4096,
    )


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """What counts as a detection."""

    score_thresh: float = _p(0.5, "smallest score of a detection", minimum=0.0, maximum=1.0, live=True)
    nms_thresh: float = _p(
        0.5,
        "IoU above which the weaker of two boxes is dropped, whatever the labels",
        minimum=0.0,
        maximum=1.0,
        live=True,
    )
    max_detections: int = _p(100, "detections per frame, at most", minimum=1, maximum=4000, live=True)


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """When the network runs."""

    trigger: str = _p(
        "every_frame",
        "when the network runs: on every frame, or when the belt has moved so far that every item is seen whole often "
        "enough (on every frame while the motion is unknown or items slip)",
        choices=("every_frame", "belt_travel"),
        live=True,
    )
    views_per_item: int = _p(
        3, "how often every item is seen whole by the network, with belt_travel", minimum=1, maximum=1000, live=True
    )
    longest_item: float = _p(
        0.35, "longest item that is seen so often, with belt_travel", unit="m", minimum=0.01, maximum=5.0, live=True
    )


@dataclass(frozen=True, slots=True)
class BeltConfig:
    """How the belt moves."""

    motion: str = _p(
        "auto",
        "source of the belt's motion; auto takes the best at hand",
        choices=("auto", "encoder", "velocity", "constant", "texture"),
        live=True,
    )
    speed: float = _p(
        0.5, "belt speed along +x of `belt` where nothing measures it", unit="m/s", minimum=-5.0, maximum=5.0, live=True
    )
    encoder_offset: float = _p(
        0.0, "camera stamp minus encoder stamp of one instant", unit="s", minimum=-1.0, maximum=1.0, live=True
    )
    encoder_rollover: float = _p(
        0.0,
        "encoder position at which it starts again at 0; 0 for never",
        unit="m",
        minimum=0.0,
        maximum=1.0e6,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """Where the camera stands."""

    extrinsics: str = _p("parameter", "where the camera's pose in `belt` comes from", choices=("parameter", "tf"))
    position: tuple[float, ...] = _p(
        (0.0, 0.0, 1.0), "camera's optical centre in `belt`", unit="m", minimum=-100.0, maximum=100.0, length=3
    )
    orientation: tuple[float, ...] = _p(
        (1.0, 0.0, 0.0, 0.0),
        "camera's optical frame in `belt`, quaternion x y z w",
        minimum=-1.0,
        maximum=1.0,
        length=4,
    )


@dataclass(frozen=True, slots=True)
class PickingConfig:
    """What the arm is asked to take."""

    labels: tuple[str, ...] = _p(("non_compost",), "labels to pick", live=True)
    min_probability: float = _p(0.7, "smallest fused probability of a pick", minimum=0.0, maximum=1.0, live=True)
    label_probabilities: tuple[float, ...] = _p(
        (0.0,),
        "smallest fused probability of each of `labels`, in their order, or one for all; counts above min_probability",
        minimum=0.0,
        maximum=1.0,
        live=True,
    )
    label_values: tuple[float, ...] = _p(
        (1.0,),
        "worth of a pick of each of `labels`, in their order, or one for all; decides what arm_limited leaves out",
        minimum=0.0,
        maximum=1.0e6,
        live=True,
    )
    min_views: int = _p(3, "views of an item before it is offered", minimum=1, maximum=1000, live=True)
    pick_line: float = _p(1.0, "x of the pick line in `belt`", unit="m", minimum=-100.0, maximum=100.0, live=True)
    reach_min: float = _p(
        -0.3, "smallest y that the arm reaches at the pick line", unit="m", minimum=-100.0, maximum=100.0, live=True
    )
    reach_max: float = _p(
        0.3, "greatest y that the arm reaches at the pick line", unit="m", minimum=-100.0, maximum=100.0, live=True
    )
    gripper_width: float = _p(
        0.15, "widest item that the gripper takes", unit="m", minimum=0.001, maximum=10.0, live=True
    )
    lead_time: float = _p(
        0.15,
        "an item is withdrawn this long before it crosses the pick line",
        unit="s",
        minimum=0.0,
        maximum=60.0,
        live=True,
    )
    cycle_time: float = _p(
        0.8, "time of the arm from one pick to the next", unit="s", minimum=0.0, maximum=60.0, live=True
    )
    arm_limited: bool = _p(
        False, "offer only what one arm of cycle_time can take in sequence, instead of everything in reach", live=True
    )
    max_height: float = _p(0.12, "tallest item expected on the belt", unit="m", minimum=0.001, maximum=5.0, live=True)

    def least_probability(self, label: str) -> float:
        """The fused probability from which an item with one of ``labels`` is picked."""
        return max(self.min_probability, self._of_label(self.label_probabilities, label))

    def value(self, label: str) -> float:
        """What a pick of an item with one of ``labels`` is worth."""
        return self._of_label(self.label_values, label)

    def _of_label(self, numbers: tuple[float, ...], label: str) -> float:
        return numbers[0] if len(numbers) == 1 else numbers[self.labels.index(label)]


@dataclass(frozen=True, slots=True)
class DrawingConfig:
    """What the annotated image and the markers show."""

    tracks: bool = _p(True, "write track numbers beside boxes", live=True)
    grasps: bool = _p(True, "draw pick point and long axis", live=True)
    jpeg_quality: int = _p(80, "quality of annotated_image/compressed", minimum=1, maximum=100, live=True)


@dataclass(frozen=True, slots=True)
class ExamplesConfig:
    """Which frames are kept for labelling."""

    folder: str = _p("", "where hard examples are kept as pictures with a COCO json; empty for nowhere")
    per_minute: float = _p(6.0, "hard examples kept a minute, at most", minimum=0.0, maximum=600.0)
    disk_limit: int = _p(2000, "space that the folder may take", unit="MB", minimum=1, maximum=10_000_000)
    disk_reserve: int = _p(
        2000, "space of the disk that is left free whatever disk_limit allows", unit="MB", minimum=0, maximum=10_000_000
    )
    certain: float = _p(0.8, "score below which a detection makes its frame a hard example", minimum=0.0, maximum=1.0)


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a sorter. ``Config()`` is the shipped default."""

    node: NodeConfig = field(default_factory=NodeConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    belt: BeltConfig = field(default_factory=BeltConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    picking: PickingConfig = field(default_factory=PickingConfig)
    drawing: DrawingConfig = field(default_factory=DrawingConfig)
    examples: ExamplesConfig = field(default_factory=ExamplesConfig)

    @staticmethod
    def from_flat(values: Mapping[str, object]) -> Config:
        """Settings with ``values`` (dotted name -> value) in place of the defaults.

        Raises:
            ConfigError: naming every unknown name, wrong type and value out of range at once.
        """
        return Config().replaced(values)

    def replaced(self, values: Mapping[str, object]) -> Config:
        """A copy with ``values`` (dotted name -> value) replaced; raises ConfigError as ``from_flat``."""
        known = {parameter.name: parameter for parameter in parameters()}
        problems: list[str] = []
        changes: dict[str, dict[str, Value]] = {}
        for name, value in values.items():
            if name not in known:
                problems.append(f"parameter '{name}' is unknown; known: {', '.join(known)}")
                continue
            try:
                group, key = name.split(".")
                changes.setdefault(group, {})[key] = known[name].check(value)
            except ConfigError as error:
                problems.append(str(error))
        if problems:
            raise ConfigError("; ".join(problems))
        groups: dict[str, Any] = {
            group: dataclasses.replace(getattr(self, group), **change) for group, change in changes.items()
        }
        config = dataclasses.replace(self, **groups)
        config.check_together()
        return config

    def check_together(self) -> None:
        """Check what no single parameter can: raises ConfigError."""
        if self.picking.reach_min >= self.picking.reach_max:
            raise ConfigError(
                f"parameter 'picking.reach_min' is {self.picking.reach_min:g}; "
                f"allowed: less than 'picking.reach_max' ({self.picking.reach_max:g} m)"
            )
        for name in ("label_probabilities", "label_values"):
            numbers, labels = getattr(self.picking, name), self.picking.labels
            if len(numbers) not in (1, len(labels)):
                raise ConfigError(
                    f"parameter 'picking.{name}' is {list(numbers)} and 'picking.labels' is {list(labels)}; allowed: "
                    "as many numbers as labels, or one for all of them"
                )
        norm = math.sqrt(sum(v * v for v in self.camera.orientation))
        if abs(norm - 1.0) > 1e-3:
            raise ConfigError(
                f"parameter 'camera.orientation' is {list(self.camera.orientation)} with length {norm:.4f}; "
                "allowed: a quaternion x y z w of length 1"
            )

    def flat(self) -> dict[str, Value]:
        """Every value by its dotted name."""
        return {
            f"{group.name}.{item.name}": getattr(getattr(self, group.name), item.name)
            for group in fields(self)
            for item in fields(getattr(self, group.name))
        }


def parameters() -> Iterator[Parameter]:
    """Every parameter, in the order of declaration."""
    default = Config()
    for group in fields(default):
        section = getattr(default, group.name)
        for item in fields(section):
            yield Parameter(f"{group.name}.{item.name}", getattr(section, item.name), **item.metadata)

"""What is fuzzed: for each decoder or loader, inputs to start from, and the one way in which it may refuse.

A target is a class with ``make(rng) -> case`` and ``run(case)``; ``run`` raises only what ``REFUSALS`` names.
"""

from __future__ import annotations

import array
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from fuzz_mutate import NUMBERS, damaged_bytes, damaged_tree, odd_value

from spp_sorter.config import Config, ConfigError, parameters
from spp_sorter.evaluation.datasets import DatasetError, LabelMap, check_dataset, read_dataset
from spp_sorter.untrusted import UntrustedError

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8), (0, 0), 2)


class Target:
    """Inputs of one kind."""

    REFUSALS: tuple[type[Exception], ...] = ()

    def make(self, rng: random.Random) -> Any:
        """Another input."""
        raise NotImplementedError

    def run(self, case: Any) -> None:
        """Feed it; raises only ``REFUSALS`` when all is well."""
        raise NotImplementedError


class Messages(Target):
    """Messages of every input topic, with fields that no camera sends."""

    def __init__(self) -> None:
        from geometry_msgs.msg import TwistStamped
        from sensor_msgs.msg import CameraInfo, JointState

        from spp_sorter.ros import messages
        from spp_sorter.values import CameraIntrinsics

        self._messages = messages
        self.REFUSALS = (messages.BadFrame,)
        header = messages.make_header(10**18, "camera")
        camera = CameraIntrinsics((24, 32), np.array([[30.0, 0, 16], [0, 30, 12], [0, 0, 1]]), np.zeros(5))
        jpeg, png = (cv2.imencode(end, PICTURE)[1].tobytes() for end in (".jpg", ".png"))
        self._kinds: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
            "image": (lambda: messages.bgr_to_image(PICTURE, header), messages.image_to_bgr),
            "depth": (
                lambda: messages.metres_to_depth(np.ones((24, 32), np.float32), header),
                messages.depth_to_metres,
            ),
            "jpeg": (lambda: self._compressed(header, jpeg), messages.compressed_to_bgr),
            "png": (lambda: self._compressed(header, png), messages.compressed_to_bgr),
            "camera_info": (
                lambda: messages.intrinsics_to_camera_info(camera, header),
                messages.camera_info_to_intrinsics,
            ),
            "encoder": (lambda: JointState(header=header, position=[1.0]), messages.belt_sample_from_joint_state),
            "velocity": (lambda: TwistStamped(header=header), messages.belt_sample_from_twist),
            "info": (lambda: CameraInfo(header=header), messages.camera_info_to_intrinsics),
        }

    def _compressed(self, header: Any, data: bytes) -> Any:
        message = self._messages.bgr_to_compressed(PICTURE, header)
        message.data = array.array("B", data)
        return message

    def make(self, rng: random.Random) -> Any:
        """A message of some kind with one to three fields that are wrong, still of their types."""
        kind = rng.choice(list(self._kinds))
        message = self._kinds[kind][0]()
        for _ in range(rng.randint(1, 3)):
            self._damage(rng, message)
        return kind, message

    def _damage(self, rng: random.Random, message: Any) -> None:
        name = rng.choice([name for name in message.get_fields_and_field_types() if name != "header"])
        value = getattr(message, name)
        if isinstance(value, array.array) and value.typecode == "B":
            setattr(message, name, array.array("B", damaged_bytes(rng, value.tobytes())))
        elif isinstance(value, str):
            known = (
                "mono8",
                "rgb8",
                "bayer_rggb8",
                "yuv422",
                "nv12",
                "16UC1",
                "32FC1",
                "mono16",
                "8UC3",
                "equidistant",
            )
            setattr(message, name, rng.choice((*known, "", "x" * 300, "png", "plumb_bob")))
        elif isinstance(value, (int, float, np.ndarray, array.array)):
            self._number(rng, message, name, value)
        elif hasattr(value, "get_fields_and_field_types") and len(value.get_fields_and_field_types()):
            self._damage(rng, value)

    @staticmethod
    def _number(rng: random.Random, message: Any, name: str, value: Any) -> None:
        number = rng.choice(NUMBERS)
        try:
            if isinstance(value, np.ndarray):
                value[rng.randrange(len(value))] = number
            elif isinstance(value, array.array):
                setattr(message, name, [float(number)] * rng.randrange(9))
            elif isinstance(value, int):
                setattr(message, name, int(number) % 2**32)  # every integer of these messages has 32 bits at most
            else:
                setattr(message, name, float(number))
        except (AssertionError, OverflowError, ValueError):
            return  # no message can hold it

    def run(self, case: Any) -> None:
        """Convert it, and write over the result, which must not be memory of others."""
        kind, message = case
        values = self._kinds[kind][1](message)
        if isinstance(values, np.ndarray):
            values.sum()


class Detections(Target):
    """Detections and pick targets as a bag may hold them."""

    def __init__(self) -> None:
        from spp_sorter.ros import messages
        from spp_sorter.values import LABELS, PickTarget

        self._messages, self._labels = messages, LABELS
        self.REFUSALS = (messages.BadFrame,)
        self._pick = PickTarget(7, 10**18, "non_compost", 0.9, np.ones(3), 0.1, np.ones(3), np.eye(4))

    def make(self, rng: random.Random) -> Any:
        """A pick list or detections with odd numbers and texts in them."""
        from spp_sorter.values import Detections as Found

        header = self._messages.make_header(10**18, "belt")
        if rng.random() < 0.5:
            message = self._messages.picks_to_msg([self._pick] * rng.randrange(4), header)
        else:
            boxes = np.float32([[1, 2, 3, 4]])
            found = Found(boxes, np.float32([0.9]), np.array([1]), np.float32([[0.1, 0.9]]), self._labels)
            message = self._messages.detections_to_msg(found, header, [3])
        for item in message.detections:
            for _ in range(rng.randint(0, 3)):
                self._damage(rng, item)
        return message

    @staticmethod
    def _damage(rng: random.Random, item: Any) -> None:
        kind, number = rng.randrange(5), rng.choice([n for n in NUMBERS if abs(n) < 1e309 or n != n])
        number = float(number) if abs(number) < 10**300 or number != number else float("inf")
        if kind == 0:
            item.id = rng.choice(("", "-1", "1.5", "9" * 30, "x", "٣", "007"))
        elif kind == 1:
            item.results = []
        elif kind == 2 and item.results:
            item.results[0].hypothesis.score = number
            item.results[0].hypothesis.class_id = rng.choice(("glass", "", "compost"))
        elif kind == 3 and item.results:
            item.results[0].pose.pose.position.x = number
            item.results[0].pose.covariance[rng.randrange(36)] = number
        else:
            item.header.stamp.nanosec = rng.choice((0, 10**9, 2**32 - 1))

    def run(self, case: Any) -> None:
        """Read it back."""
        if type(case).__name__ == "Detection3DArray":
            self._messages.pick_targets_from_msg(case)
        else:
            self._messages.detections_from_msg(case, self._labels)


class DataSet(Target):
    """A data set of one format: what can be wrong is told, never raised."""

    REFUSALS = (DatasetError,)

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self.folder = Path(self._folder.name)
        (self.folder / "images").mkdir()
        cv2.imwrite(str(self.folder / "images" / "a.png"), PICTURE)

    def run(self, case: Any) -> None:
        """Check it and read it, and decode every mask."""
        self.write(case)
        problems = check_dataset(self.folder)
        assert all(str(problem) for problem in problems)
        for record in read_dataset(self.folder, skip_broken=True).records:
            for mask in record.masks:
                if mask is not None:
                    mask.decode()

    def write(self, case: Any) -> None:
        """Put the case into the folder."""
        raise NotImplementedError


class Coco(DataSet):
    """COCO's json."""

    TREE: ClassVar[dict[str, Any]] = {
        "images": [{"id": 1, "file_name": "images/a.png", "width": 32, "height": 24}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 9], "area": 90, "iscrowd": 0, "object": "a"},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 2,
                "bbox": [5.5, 6, 9, 9.5],
                "segmentation": [[5.5, 6, 14, 6, 14, 15]],
            },
            {
                "id": 3,
                "image_id": 1,
                "category_id": 2,
                "bbox": [0, 0, 9, 9],
                "segmentation": {"size": [24, 32], "counts": [0, 9, 15, 9, 735]},
            },
            {
                "id": 4,
                "image_id": 1,
                "category_id": 1,
                "bbox": [1, 1, 9, 9],
                "segmentation": {"size": [24, 32], "counts": "09?9og0"},
            },
        ],
        "categories": [{"id": 1, "name": "compost"}, {"id": 2, "name": "non_compost"}],
    }

    def make(self, rng: random.Random) -> bytes:
        """A json with wrong values, now and then with wrong bytes too."""
        text = json.dumps(damaged_tree(rng, self.TREE)).encode("utf-8", "surrogatepass")
        return damaged_bytes(rng, text) if rng.random() < 0.3 else text

    def write(self, case: bytes) -> None:
        """The json."""
        (self.folder / "labels.json").write_bytes(case)


class Voc(DataSet):
    """Pascal VOC's XML."""

    XML = (
        '<?xml version="1.0"?><annotation><filename>a.png</filename><size><width>32</width><height>24</height></size>'
        "<object><name>compost</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>12</xmax>"
        "<ymax>15</ymax></bndbox></object></annotation>"
    )
    BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{0}"><!ENTITY c "{1}">]><annotation>&c;</annotation>'

    def make(self, rng: random.Random) -> bytes:
        """Damaged XML, a bomb, or a file of another machine as an entity."""
        kind = rng.randrange(10)
        if kind == 0:
            return self.BOMB.format("x" * 10_000, "&b;" * 10_000).encode()
        if kind == 1:
            text = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
            return text.encode(rng.choice(("utf-8", "utf-16")))
        if kind == 2:
            depth = rng.choice((10, 200, 100_000))
            return b"<a>" * depth + b"</a>" * depth
        text = self.XML
        for value in ("32", "24", "2", "12", "a.png"):
            if rng.random() < 0.2:
                text = text.replace(f">{value}<", f">{odd_value(rng, rng.choice((1, 'a')))}<")
        data = text.encode("utf-8", "surrogatepass")
        return damaged_bytes(rng, data) if rng.random() < 0.5 else data

    def write(self, case: bytes) -> None:
        """The XML."""
        (self.folder / "a.xml").write_bytes(case)


class Yolo(DataSet):
    """YOLO's names and lines."""

    def make(self, rng: random.Random) -> tuple[bytes, bytes]:
        """A data.yaml and a text file; one of them or both damaged."""
        names = b"names: [compost, non_compost]\nnc: 2\n"
        lines = b"0 0.5 0.5 0.2 0.3\n1 0.1 0.1 0.4 0.1 0.4 0.4\n1 0.25 0.25 0.1 0.1\n"
        if rng.random() < 0.2:
            bomb = b"a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            names = bomb + b"names: [*b, *b]\n"
        if rng.random() < 0.3:
            lines = b"".join(
                f"{odd_value(rng, 1)} {odd_value(rng, 1)} 0.5 0.1 0.1\n".encode("utf-8", "replace") for _ in range(5)
            )
        return (
            damaged_bytes(rng, names) if rng.random() < 0.5 else names,
            damaged_bytes(rng, lines) if rng.random() < 0.7 else lines,
        )

    def write(self, case: tuple[bytes, bytes]) -> None:
        """Both files."""
        (self.folder / "labels").mkdir(exist_ok=True)
        (self.folder / "data.yaml").write_bytes(case[0])
        (self.folder / "labels" / "a.txt").write_bytes(case[1])


class Labels(Target):
    """Label maps."""

    REFUSALS = (DatasetError,)
    YAML = b"categories:\n  banana peel: compost\n  bottle: non_compost\n  'no': ignore\n"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")

    def make(self, rng: random.Random) -> bytes:
        """Damaged YAML."""
        if rng.random() < 0.1:
            return b"a: &a [1,1,1,1]\nb: &b [*a,*a,*a,*a]\ncategories: {x: *b, *b : compost}\n"
        return damaged_bytes(rng, self.YAML)

    def run(self, case: bytes) -> None:
        """Read it."""
        path = Path(self._folder.name) / "map.yaml"
        path.write_bytes(case)
        LabelMap.read(path)


class Parameters(Target):
    """Parameter files of ROS, and the settings in them."""

    REFUSALS = (ConfigError,)

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._defaults = {p.name: list(p.default) if isinstance(p.default, tuple) else p.default for p in parameters()}

    def make(self, rng: random.Random) -> bytes:
        """A file with wrong values, or wrong bytes."""
        names = rng.sample(list(self._defaults), 4)
        values = {name: damaged_tree(rng, self._defaults[name], 1) for name in names}
        lines = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in values.items())
        text = f"/**:\n  ros__parameters:\n{lines}".encode("utf-8", "surrogatepass")
        return damaged_bytes(rng, text) if rng.random() < 0.5 else text

    def run(self, case: bytes) -> None:
        """Read the file and check the settings."""
        from spp_sorter.ros.parameter_files import read_parameters

        path = Path(self._folder.name) / "cell.yaml"
        path.write_bytes(case)
        config = Config.from_flat(read_parameters(path))
        assert Config.from_flat(config.flat()) == config


class Checkpoints(Target):
    """Checkpoints: wrong bytes, and wrong content in a sound file."""

    def __init__(self) -> None:
        import torch

        from spp_sorter.network import checkpoint
        from spp_sorter.network.model import NetworkConfig, SppNetwork

        torch.manual_seed(0)
        self._torch, self._checkpoint = torch, checkpoint
        self.REFUSALS = (checkpoint.CheckpointError,)
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._path = Path(self._folder.name) / "model.pt"
        network = SppNetwork(NetworkConfig(channels=16, hidden=16), imagenet=False)
        checkpoint.save_checkpoint(checkpoint.Checkpoint(network.config, network.state_dict()), self._path, half=True)
        self._stored = self._path.read_bytes()
        self._content = torch.load(self._path, weights_only=True)

    def make(self, rng: random.Random) -> Any:
        """Bytes, or a content."""
        if rng.random() < 0.4:
            return damaged_bytes(rng, self._stored)
        content = dict(self._content)
        plain = damaged_tree(rng, {key: content[key] for key in ("format", "config", "step", "metrics", "notes")})
        if rng.random() < 0.5 and isinstance(plain, dict):
            weights = dict(content["weights"])
            name = rng.choice(list(weights))
            weights[name] = self._odd_tensor(rng)
            return {**content, "weights": weights}
        return {**content, **plain} if isinstance(plain, dict) else plain

    def _odd_tensor(self, rng: random.Random) -> Any:
        torch = self._torch
        return rng.choice(
            (
                torch.zeros(1).expand(1 << 40),
                torch.zeros(0),
                torch.full((3, 3), float("nan")),
                torch.zeros(4, dtype=torch.int64),
                torch.eye(3).to_sparse(),
                torch.zeros(2, dtype=torch.complex64),
                [1.0, 2.0],
                None,
            )
        )

    def run(self, case: Any) -> None:
        """Load it and build the network."""
        if isinstance(case, bytes):
            self._path.write_bytes(case)
        else:
            self._torch.save(case, self._path)
        self._checkpoint.load_checkpoint(self._path).build()


class Untrusted(Target):
    """The parsers of json, YAML and XML themselves."""

    REFUSALS = (UntrustedError,)

    def make(self, rng: random.Random) -> tuple[str, bytes]:
        """A parser and a damaged text."""
        seeds = {
            "json": json.dumps(Coco.TREE).encode(),
            "yaml": b"a: [1, 2.5, 0x1F, 1e3, 2024-13-45, 12:30:61, .inf, ~, yes]\n? [x, y]\n: &q {b: c}\n<<: {d: e}\n",
            "xml": Voc.XML.encode(),
        }
        kind = rng.choice(list(seeds))
        return kind, damaged_bytes(rng, seeds[kind])

    def run(self, case: tuple[str, bytes]) -> None:
        """Parse it."""
        from spp_sorter import untrusted

        kind, data = case
        if kind == "xml":
            untrusted.parse_xml(data)
        else:
            text = data.decode("utf-8", "replace")
            (untrusted.parse_json if kind == "json" else untrusted.parse_yaml)(text)


TARGETS: dict[str, Callable[[], Target]] = {
    "messages": Messages,
    "detections": Detections,
    "coco": Coco,
    "voc": Voc,
    "yolo": Yolo,
    "labels": Labels,
    "parameters": Parameters,
    "checkpoint": Checkpoints,
    "untrusted": Untrusted,
}

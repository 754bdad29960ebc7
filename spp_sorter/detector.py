"""The detector as everybody uses it: a BGR picture of any size in, boxes in that picture's pixels out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spp_sorter.config import SHIPPED_MODELS, Config, ConfigError, DetectorConfig
from spp_sorter.geometry.letterbox import INPUT_MULTIPLE, Letterbox
from spp_sorter.network.allocator import keep_freed_memory
from spp_sorter.network.checkpoint import CheckpointError, load_checkpoint
from spp_sorter.network.decode import Regions, decode_regions
from spp_sorter.network.frame import BOX, GRASP, KEPT, PROBS, RANK
from spp_sorter.network.nano import fold_branches
from spp_sorter.network.onnx_file import OnnxRuntime
from spp_sorter.network.processor import computes_bf16
from spp_sorter.network.proposals import PROPOSERS
from spp_sorter.network.runtime import CpuRuntime, Runtime
from spp_sorter.network.runtime_cuda import CudaRuntime
from spp_sorter.values import Detections, FloatArray, Grasps, ImageArray

DEFAULT_CHECKPOINT = Path(__file__).parent / "assets" / "weights" / "default.pt"

SHIPPED = {name: DEFAULT_CHECKPOINT.with_name(f"{name}.pt") for name in SHIPPED_MODELS}
"""Weights that come with the package, by name; ``nano`` takes half the time and finds a little less."""

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Detector:
    """The SPP detector behind one call.

    Args:
        checkpoint: path of a checkpoint, or of an ONNX file that ``spp_sorter export`` wrote, or a name of
            ``SHIPPED``; None for ``default``.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto`` (fp16 on CUDA, bf16 on processors that compute it, else fp32), ``fp32``, ``bf16``, ``fp16``.
        threads: CPU threads of torch in this process, 0 to leave them alone.
        proposer: ``rpn``, ``belt``, ``grid`` or ``selective_search``.
        proposals: windows pooled per picture, at most.
        config: thresholds, replaceable while running (``configure``).
        sha256: hash that the checkpoint's file must have, empty for any.
        long_side: pixels of the longer side of the network's input, a multiple of 32; 0 for the checkpoint's own.
        step_by_step: leave out all that makes it fast, to compare with.

    Raises:
        CheckpointError: no usable checkpoint.
        ConfigError: a device, precision or proposer that is not to be had here.
    """

    def __init__(
        self,
        checkpoint: Path | str | None = None,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        proposer: str = "rpn",
        proposals: int = 100,
        config: DetectorConfig | None = None,
        sha256: str = "",
        long_side: int = 0,
        step_by_step: bool = False,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        if long_side % INPUT_MULTIPLE or long_side < 0:
            raise ConfigError(
                f"parameter 'model.long_side' is {long_side}; allowed: multiples of {INPUT_MULTIPLE}, or 0 for the "
                "checkpoint's own"
            )
        if proposer not in PROPOSERS:
            raise ConfigError(f"parameter 'model.proposer' is {proposer!r}; allowed: {', '.join(PROPOSERS)}")
        self.device = _choose_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.precision = _choose_precision(precision, self.device)
        self.config = config or DetectorConfig()
        self.path = SHIPPED.get(str(checkpoint or "default")) or Path(str(checkpoint))
        self.proposals = proposals
        self._runtime: Runtime | None
        self._has_run = False
        self._letterbox_of: Callable[[tuple[int, int]], Letterbox] | None = None
        if self.path.suffix == ".onnx":
            if long_side:
                raise ConfigError(
                    f"parameter 'model.long_side' is {long_side} with an ONNX file, whose input has the size that it "
                    "was exported with; allowed: 0"
                )
            self._open_onnx(proposer, threads, sha256)
        else:
            self._open_checkpoint(proposer, sha256, step_by_step)
        config_of_network = self.checkpoint.config
        self.label_names = config_of_network.labels
        self.long_side = long_side or config_of_network.long_side
        self._named = (
            f"{self.path.name} (sha256 {self.checkpoint.sha256[:12]}, step {self.checkpoint.step}) on "
            f"{_device_name(self.device)} in {self.precision}, proposals by {proposer}"
        )

    def _open_checkpoint(self, proposer: str, sha256: str, step_by_step: bool) -> None:
        self.checkpoint = load_checkpoint(self.path, sha256)
        self.network = self.checkpoint.build()
        self._dtype = _PRECISIONS[self.precision]
        self._runtime, self._runtime_refused = self._make_runtime(proposer, step_by_step)
        fold_branches(self.network)
        self.network.to(device=self.device, dtype=self._dtype).to(memory_format=torch.channels_last)
        self._propose = PROPOSERS[proposer]

    def _open_onnx(self, proposer: str, threads: int, sha256: str) -> None:
        if proposer != "rpn":
            raise ConfigError(f"parameter 'model.proposer' is {proposer!r} with an ONNX file; allowed: rpn")
        runtime = OnnxRuntime(self.path, threads)
        if sha256 and runtime.checkpoint.sha256 != sha256.lower():
            raise CheckpointError(f"checkpoint '{self.path}' has SHA-256 {runtime.checkpoint.sha256}, not {sha256}")
        self._runtime, self._runtime_refused = runtime, ""
        self._letterbox_of = runtime.letterbox
        self.checkpoint, self.proposals = runtime.checkpoint, runtime.proposals
        self.device, self.precision = torch.device("cpu"), "fp32"

    @property
    def description(self) -> str:
        """Which weights run on what, in which precision and how; the last part may change with the first frame."""
        how = self._runtime.description if self._runtime else f"step by step ({self._runtime_refused})"
        return f"{self._named}, {how}"

    def letterbox(self, size_hw: tuple[int, int]) -> Letterbox:
        """How a picture of a size comes into the network's input."""
        return self._letterbox_of(size_hw) if self._letterbox_of else Letterbox.fit(size_hw, self.long_side)

    def _make_runtime(self, proposer: str, step_by_step: bool) -> tuple[Runtime | None, str]:
        """What runs frames in one call, or None and why there is no such thing."""
        if step_by_step:
            return None, "as asked for"
        if proposer != "rpn":
            return None, f"proposals by {proposer} are found by the host"
        try:
            if self.device.type == "cuda":
                return CudaRuntime(self.network, self.device, self._dtype, self.proposals), ""
            return CpuRuntime(self.network, self._dtype, self.proposals, self.checkpoint.sha256), ""
        except ValueError as error:
            return None, str(error)

    @staticmethod
    def from_config(config: Config) -> Detector:
        """The detector that a whole configuration asks for; raises as the constructor."""
        model = config.model
        return Detector(
            model.checkpoint or None,
            model.device,
            model.precision,
            model.threads,
            model.proposer,
            model.proposals,
            config.detector,
            model.sha256,
            model.long_side,
        )

    def configure(self, config: DetectorConfig) -> None:
        """Replace the thresholds; takes effect with the next picture."""
        self.config = config

    def warm_up(self, size_hw: tuple[int, int] = (480, 640)) -> None:
        """Run once on an empty picture, so that the first frame is as fast as the rest."""
        for _ in range(2):
            self.detect(np.zeros((*size_hw, 3), np.uint8))

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Find the items in a picture.

        Args:
            image_bgr: [H, W, 3] uint8, any size from 1 x 1.

        Returns:
            Detections in the picture's own pixels, best first.

        Raises:
            ValueError: another shape or dtype.
        """
        if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
            raise ValueError(f"image is {image_bgr.dtype} {image_bgr.shape}; allowed: uint8 [H, W, 3] in BGR order")
        letterbox = self.letterbox((image_bgr.shape[0], image_bgr.shape[1]))
        if self._runtime is not None:
            table = self._run_in_one_call(self._runtime, image_bgr, letterbox)
            if table is not None:
                return self._to_detections(_chosen_rows(table, self.config.max_detections), letterbox)
        picture = letterbox.image(image_bgr)
        with torch.inference_mode():
            regions = self._regions(picture, letterbox)
            rows = torch.cat([regions.boxes_xyxy, regions.grasps, regions.label_probs], dim=1).cpu()
        return self._to_detections(rows.numpy().astype(np.float32), letterbox)

    def _run_in_one_call(self, runtime: Runtime, image_bgr: ImageArray, letterbox: Letterbox) -> FloatArray | None:
        """A frame's table; None, from then on, where this machine's libraries cannot run the first frame that way."""
        try:
            table = runtime.run(image_bgr, letterbox, (self.config.score_thresh, self.config.nms_thresh))
        except RuntimeError as error:
            if self._has_run or self.path.suffix == ".onnx":
                raise
            self._runtime, self._runtime_refused = None, f"one call failed: {str(error).splitlines()[0]}"
            return None
        self._has_run = True
        return table

    def _regions(self, picture: ImageArray, letterbox: Letterbox) -> Regions:
        features = self.network.convolve(self._to_input(picture))
        boxes = self._propose(self.network, features, picture, self.proposals)
        config = self.config
        return decode_regions(
            self.network.classify(features, boxes),
            letterbox.scaled_hw,
            config.score_thresh,
            config.nms_thresh,
            config.max_detections,
        )

    def _to_input(self, picture_bgr: ImageArray) -> Tensor:
        """[h, w, 3] uint8 BGR to [1, 3, h, w] RGB, channels last, on the device."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture_bgr)).to(self.device)
        return pixels.to(self._dtype).flip(2).permute(2, 0, 1)[None]

    def _to_detections(self, rows: FloatArray, letterbox: Letterbox) -> Detections:
        """[N, 4 + 5 + K] boxes, grasps and probabilities in the network's input, best first, to the picture."""
        grasps, label_probs = rows[:, 4:9], rows[:, 9:]
        labels = label_probs.argmax(axis=1) if len(rows) else np.zeros(0, np.int64)
        return Detections(
            boxes_xyxy=letterbox.boxes_out(rows[:, :4]).astype(np.float32),
            scores=label_probs[np.arange(len(labels)), labels],
            labels=labels,
            label_probs=label_probs,
            label_names=self.label_names,
            grasps=Grasps(
                points_xy=letterbox.points_out(grasps[:, :2]).astype(np.float32),
                yaws_rad=grasps[:, 2],
                sizes_px=(grasps[:, 3:] / letterbox.scale_xy.mean()).astype(np.float32),
            ),
        )


def _chosen_rows(table: FloatArray, max_detections: int) -> FloatArray:
    """The detections of a frame's table, best score first: [R, 11 + K] to [N, 4 + 5 + K]."""
    kept = table[table[:, KEPT] > 0]
    kept = kept[np.argsort(-kept[:, RANK], kind="stable")[:max_detections]]
    kept = kept[np.argsort(-kept[:, PROBS:].max(axis=1, initial=0), kind="stable")]
    return np.concatenate([kept[:, BOX], kept[:, GRASP], kept[:, PROBS:]], axis=1)


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"parameter 'model.device' is {name!r}; allowed: auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"parameter 'model.device' is {name!r}; allowed: auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"parameter 'model.device' is {name!r} and this machine has {torch.cuda.device_count()} CUDA devices; "
            "allowed: auto, cpu, or a device that is there (check with nvidia-smi)"
        )
    return device


def _choose_precision(name: str, device: torch.device) -> str:
    if name == "auto":
        if device.type == "cuda":
            return "fp16"
        return "bf16" if computes_bf16() else "fp32"
    if name not in _PRECISIONS:
        raise ConfigError(f"parameter 'model.precision' is {name!r}; allowed: auto, {', '.join(_PRECISIONS)}")
    return name


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU ({torch.get_num_threads()} threads)"

"""A detector as an ONNX file: how it is written, and what runs it.

The graph is a whole frame of one input size, ``pixels`` [h, w, 3] uint8 BGR and ``limits`` [2] in, ``table``
[R, 11 + K] out, with R as it comes out of the proposals. What a checkpoint says beside its weights is in the file's
metadata.

Letters: h x w pixels of the network's input, R windows, K labels.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.checkpoint import FORMAT, Checkpoint, CheckpointError
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.model import NetworkConfig
from spp_sorter.network.suppression import ExportedSuppression
from spp_sorter.values import FloatArray, ImageArray

INSTALL = "pip install -r requirements-onnx.txt"
OPSET = 18


class OnnxMissingError(ModuleNotFoundError):
    """A package for ONNX is not installed; the text names the command."""


def write_onnx(checkpoint: Checkpoint, path: Path, input_hw: tuple[int, int], proposals: int) -> None:
    """Write a checkpoint as an ONNX file, whole or not at all.

    Args:
        checkpoint: what to export; computed in fp32.
        path: the file, replaced if there.
        input_hw: the network's input, multiples of 32.
        proposals: windows, at most.

    Raises:
        OnnxMissingError: onnx or onnxscript is not installed.
        ValueError: pooling that has no form of fixed shape, or an input whose sides are no multiples of 32.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 the exporter needs it
    except ImportError as error:
        raise OnnxMissingError(f"exporting needs the Python package '{error.name}'; run: {INSTALL}") from error
    if min(input_hw) < 32 or any(side % 32 for side in input_hw):
        raise ValueError(f"the network's input is {input_hw[0]} x {input_hw[1]}; allowed: multiples of 32")
    network = prepare_network(checkpoint.build(), torch.device("cpu"), torch.float32)
    frame = FrameNetwork(network, input_hw, proposals, ExportedSuppression()).eval()
    example = (torch.zeros((*input_hw, 3), dtype=torch.uint8), torch.tensor([0.5, 0.5]))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter about its own future
        program = torch.onnx.export(
            frame,
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=["pixels", "limits"],
            output_names=["table"],
            verbose=False,
        )
    assert program is not None  # the exporter of graphs returns one
    model = program.model_proto
    metadata = {
        "format": FORMAT,
        "config": json.dumps(checkpoint.config.to_dict()),
        "step": str(checkpoint.step),
        "notes": checkpoint.notes,
        "checkpoint_sha256": checkpoint.sha256,
        "proposals": str(proposals),
    }
    onnx.helper.set_model_props(model, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(model.SerializeToString())
    partial.replace(path)


class OnnxRuntime:
    """Frames by onnxruntime, see ``runtime.Runtime``.

    Args:
        path: a file that ``write_onnx`` wrote.
        threads: of the CPU, 0 for all.

    Raises:
        CheckpointError: a file that is missing, broken or not ours.
        OnnxMissingError: onnxruntime is not installed.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise OnnxMissingError(f"running '{path}' needs the Python package onnxruntime; run: {INSTALL}") from error
        if not path.is_file():
            raise CheckpointError(f"checkpoint '{path}' does not exist; write one with: spp_sorter export")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        content = path.read_bytes()
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            metadata = self._session.get_modelmeta().custom_metadata_map
            shape = self._session.get_inputs()[0].shape
        except Exception as error:  # onnxruntime raises kinds of its own
            raise CheckpointError(f"checkpoint '{path}' cannot be read ({str(error).splitlines()[0]})") from error
        if metadata.get("format") != FORMAT or len(shape) != 3:
            raise CheckpointError(f"checkpoint '{path}' is not ours; write one with: spp_sorter export")
        self.input_hw = (int(shape[0]), int(shape[1]))
        self.proposals = int(metadata["proposals"])
        self.checkpoint = Checkpoint(
            config=NetworkConfig.from_dict(json.loads(metadata["config"])),
            weights={},
            step=int(metadata["step"]),
            notes=metadata.get("notes", ""),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        self.description = f"one call a frame by onnxruntime {onnxruntime.__version__}"

    def letterbox(self, size_hw: tuple[int, int]) -> Letterbox:
        """How a picture comes into the one input size that the file has."""
        return Letterbox.into(size_hw, self.input_hw)

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``runtime.Runtime.run``."""
        feed: dict[str, Any] = {
            "pixels": np.ascontiguousarray(letterbox.image(image_bgr)),
            "limits": np.array(limits, np.float32),
        }
        return np.asarray(self._session.run(["table"], feed)[0])

"""Our own GPU kernels give what torch's steps give: on a GPU where there is one, else in Triton's interpreter."""

import copy
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame

pytest.importorskip("triton", reason="no Triton here: PyTorch brings it with its CUDA builds")

from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network import frame_kernels, triton_boxes, triton_conv, triton_scale, triton_spp
from spp_sorter.network.backbone import LITE0
from spp_sorter.network.boxes import clip_boxes, pairwise_iou
from spp_sorter.network.decode import PROPOSAL_NMS, read_regions
from spp_sorter.network.frame import BOX, GRASP, KEPT, PROBS, RANK, prepare_network
from spp_sorter.network.frame_kernels import KernelFrame
from spp_sorter.network.fused_cuda import fuse_for_gpu, suits_kernels
from spp_sorter.network.heads import RegionOutput, cell_centres
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.runtime_cuda import TorchFrame
from spp_sorter.network.spp import SpatialPyramidPool, project_boxes, window_boxes
from spp_sorter.network.suppression import FixedSuppression
from spp_sorter.network.triton_boxes import MOST_KEPT, best_cells, keep_rows, read_table, remaining
from spp_sorter.network.triton_conv import DepthwiseConv, StemConv
from spp_sorter.network.triton_scale import shrink
from spp_sorter.network.triton_spp import BINS, GEOMETRY, pool_boxes, row_length

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
RELU6 = ("hardtanh", 6.0)


@pytest.fixture(autouse=True, scope="module")
def exact_fp32():
    """On a GPU torch rounds fp32 convolutions and products to TF32, unless told not to."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def last(features):
    return features.to(DEVICE).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("kind", "kernel", "stride", "padding"),
    [
        (Conv2dSame, 3, 2, 0),
        (Conv2dSame, 5, 2, 0),
        (torch.nn.Conv2d, 3, 1, 1),
        (torch.nn.Conv2d, 5, 1, 2),
        (torch.nn.Conv2d, 3, 2, 1),
    ],
)
@pytest.mark.parametrize(("channels", "size_hw"), [(40, (9, 14)), (48, (12, 8)), (96, (1, 3))])
@pytest.mark.parametrize("activation", [("none", math.inf), ("relu", math.inf), RELU6])
def test_a_depthwise_kernel_is_the_convolution_and_what_is_around_it(
    kind, kernel, stride, padding, channels, size_hw, activation
):
    torch.manual_seed(1)
    conv = kind(channels, channels, kernel, stride, padding=padding, groups=channels).to(DEVICE)
    features = last(torch.randn(1, channels, *size_hw) * 6)
    for highest_input in (math.inf, 6.0):
        with torch.inference_mode():
            wanted = conv(features.clamp(max=highest_input))
            if activation[0] != "none":
                wanted = wanted.clamp(0, activation[1])
            found = DepthwiseConv(conv, activation, highest_input)(features)
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-5)
        assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_convolutions_in_half_precision(dtype):
    torch.manual_seed(5)
    conv = Conv2dSame(32, 32, 5, 2, groups=32).to(DEVICE)
    stem = Conv2dSame(3, 16, 3, 2).to(DEVICE)
    features, pixels = last(torch.randn(1, 32, 9, 14) * 4), last(torch.randn(1, 3, 12, 20))
    with torch.inference_mode():
        wanted = conv(features.to(dtype).float()).clamp(0, 6), stem(pixels.to(dtype).float()).clamp(0, 6)
        found = (
            DepthwiseConv(conv.to(dtype), RELU6)(features.to(dtype)),
            StemConv(stem.to(dtype), RELU6)(pixels.to(dtype)),
        )
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.float(), theirs, atol=0.1, rtol=0.03)


def test_what_is_no_number_stays_none():
    conv = torch.nn.Conv2d(16, 16, 3, 1, padding=1, groups=16).to(DEVICE)
    features = torch.zeros(1, 16, 5, 5)
    features[0, 3, 2, 2] = math.nan
    with torch.inference_mode():
        found = DepthwiseConv(conv, RELU6, 6.0)(last(features))
    assert found.isnan().sum() == 9 and found[0, 3, 1:4, 1:4].isnan().all()


@pytest.mark.parametrize("size_hw", [(20, 30), (11, 7)])
def test_the_first_convolution(size_hw):
    conv = Conv2dSame(3, 32, 3, 2).to(DEVICE)
    pixels = last(torch.randn(1, 3, *size_hw))
    with torch.inference_mode():
        torch.testing.assert_close(StemConv(conv, RELU6)(pixels), conv(pixels).clamp(0, 6), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("source_hw", [(60, 90), (128, 160), (120, 320)])
def test_shrinking_is_what_the_host_does(source_hw):
    letterbox = Letterbox.fit(source_hw, 160)
    letterbox = letterbox if source_hw[1] % 160 == 0 else Letterbox(source_hw, (30, 45), (32, 64))
    image = np.random.default_rng(0).integers(0, 255, (*source_hw, 3), dtype=np.uint8)
    found = shrink(
        torch.from_numpy(image).to(DEVICE),
        letterbox.scaled_hw, letterbox.target_hw, 127, 100.0, 0.5, torch.float32,
    )  # fmt: skip
    pixels = (found[0].permute(1, 2, 0).cpu() / 0.5 + 100).numpy()
    assert np.array_equal(pixels, letterbox.image(image).astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, pytest.param(torch.bfloat16, marks=pytest.mark.gpu)])
@pytest.mark.parametrize("map_hw", [(24, 31), (3, 2), (1, 1), (40, 60)])
def test_pooling_boxes_is_bit_equal(map_hw, dtype):
    torch.manual_seed(2)
    height, width = map_hw
    features = last(torch.randn(1, 40, height, width).to(dtype))
    low = torch.rand(24, 2) * torch.tensor([width, height]) * 8
    boxes = torch.cat([low - 4, low + torch.rand(24, 2) * 150], dim=1)
    boxes[0], boxes[1] = torch.tensor([0.0, 0.0, width * 8, height * 8]), torch.tensor([9.0, 9.0, 9.0, 9.0])
    boxes[2] = torch.tensor([-50.0, -50.0, -20.0, -20.0])
    boxes = boxes.to(DEVICE)
    rows, windows = pool_boxes(features, boxes, 8)
    cells = project_boxes(boxes, 8, map_hw, "cover")
    pooled = SpatialPyramidPool((4, 2, 1)).pool_windows(features, cells)
    sides = window_boxes(cells, 8)
    assert torch.equal(rows[:, : BINS * 40], pooled) and torch.equal(windows, sides)
    geometry = torch.cat([((boxes - sides) / 8).clamp(-4, 4), ((sides[:, 2:] - sides[:, :2]) / 8).log()], dim=1)
    ours, rounding = rows[:, BINS * 40 : BINS * 40 + GEOMETRY].float(), torch.finfo(dtype).eps
    torch.testing.assert_close(ours, geometry, atol=2 * rounding, rtol=2 * rounding)
    assert rows.shape[1] == row_length(40) and not rows[:, BINS * 40 + GEOMETRY :].any()


def test_the_best_cells_come_in_order_and_equals_by_their_place():
    torch.manual_seed(3)
    height, width = 13, 17
    raw = torch.randn(height * width, 8)
    raw[:, 0] = (raw[:, 0] * 8).round() / 8  # many equals
    centres = cell_centres((height, width), 8, torch.device("cpu"))
    distance = raw[:, 1:5].clamp(-4, 4).exp() * 8
    every = clip_boxes(torch.cat([centres - distance[:, :2], centres + distance[:, 2:]], dim=1), (100, 130))
    for count in (height * width, 60):
        found = best_cells(raw.to(DEVICE), count, width, 8, (100, 130)).cpu()
        order = raw[:, 0].argsort(descending=True, stable=True)[:count]
        sure = raw[order, 0] > raw[order[-1], 0]  # which of the last equals are taken is the library's choice
        torch.testing.assert_close(found[sure], every[order][sure], atol=1e-4, rtol=1e-5)
        assert 20 < int(sure.sum()) < count


def crowd(count, seed):
    """Boxes that overlap in heaps."""
    random = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=random) * 60
    boxes = torch.cat([low, low + 10 + torch.rand(count, 2, generator=random) * 30], dim=1)
    half = count // 2
    boxes[half : 2 * half] = boxes[:half] + torch.randn(half, 4, generator=random) * 2
    return boxes


@pytest.mark.parametrize("number", [30, 200])
@pytest.mark.parametrize("count", [20, 150])
def test_the_remaining_proposals_are_those_of_torch(number, count):
    boxes = crowd(number, number).to(DEVICE)
    wanted, valid = FixedSuppression().best(boxes, boxes[:, 0], count)
    found, there = remaining(boxes, count)
    assert torch.equal(there.bool(), valid)
    assert torch.equal(found, wanted)
    assert pairwise_iou(boxes, boxes).fill_diagonal_(0).max() > PROPOSAL_NMS


@pytest.mark.parametrize(("count", "labels"), [(90, 2), (MOST_KEPT, 5), (7, 1)])
def test_the_table_and_what_is_kept_of_it(count, labels):
    torch.manual_seed(count)
    windows = (crowd(count, 5) / 8).round() * 8
    windows[:, 2:] = torch.maximum(windows[:, 2:], windows[:, :2] + 8)
    raw = torch.randn(count, 12 + labels)
    raw[:, 1 + labels : 5 + labels] *= 0.1
    there = torch.ones(count, dtype=torch.int32)
    there[-3:] = 0
    limits = torch.tensor([0.3, 0.4])
    windows, raw, there, limits = (tensor.to(DEVICE) for tensor in (windows, raw, there, limits))
    head = raw[:, 1 + labels :]
    output = RegionOutput(raw[:, : 1 + labels], head[:, :4], head[:, 4:10], head[:, 10], windows)
    size_hw = (80, 90)
    wanted = read_regions(output, size_hw)
    valid = wanted.sound & (wanted.scores >= limits[0]) & there.bool()
    table = read_table(raw, windows, there, limits, labels, size_hw)
    assert torch.equal(table[:, KEPT] > 0, valid)
    for columns, expected in (
        (BOX, wanted.boxes_xyxy),
        (GRASP, wanted.grasps),
        (slice(PROBS, None), wanted.label_probs),
    ):
        torch.testing.assert_close(table[:, columns], expected, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(table[:, RANK], wanted.rank, atol=1e-6, rtol=1e-5)
    keep_rows(table, limits)
    kept = FixedSuppression().keep(wanted.boxes_xyxy, wanted.rank, valid, limits[1])
    assert torch.equal(table[:, KEPT] > 0, kept)
    assert count < 20 or int(kept.sum()) < int(valid.sum())


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the interpreter
def test_an_answer_that_is_no_number_is_none():
    raw, windows = torch.zeros(16, 16), torch.tensor([[0.0, 0.0, 16.0, 16.0]]).repeat(16, 1)
    raw[3, :3], raw[5, 5] = math.nan, math.nan  # logits, a side of the box
    there, limits = torch.ones(16, dtype=torch.int32), torch.tensor([0.1, 0.5])
    table = read_table(*(tensor.to(DEVICE) for tensor in (raw, windows, there, limits)), 2, (20, 20)).cpu()
    assert [index for index in range(16) if not table[index, KEPT]] == [3, 5]


def test_a_score_that_is_no_number_comes_last():
    raw = torch.zeros(40, 8)
    raw[:, 0] = torch.arange(40)
    raw[39, 0] = math.nan
    boxes = best_cells(raw.to(DEVICE), 40, 8, 8, (40, 64)).cpu()
    assert torch.equal(boxes[-1], torch.tensor([52.0, 28.0, 64.0, 40.0])) and boxes.isfinite().all()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = SppNetwork(NetworkConfig(LITE0, (8,), channels=32, hidden=64, coarser=1), imagenet=False).eval()
    for layer, std in ((made.head.classes, 0.2), (made.head.refine, 0.1), (made.rpn.output, 0.02)):
        torch.nn.init.normal_(layer.weight, std=std)  # boxes and scores that differ
    with torch.no_grad():  # objectness that differs from cell to cell by far more than rounding
        tower = made.rpn.tower(made.convolve(torch.rand(1, 3, 64, 96) * 255))
        made.rpn.output.weight /= made.rpn.output(tower)[:, 0].std() * 2
    return prepare_network(made, DEVICE, torch.float32)


def test_a_frame_of_own_kernels_answers_as_torchs(network, monkeypatch):
    letterbox = Letterbox.fit((33, 64), 64)
    fused = copy.deepcopy(network)
    fuse_for_gpu(fused, own_kernels=True)
    assert {DepthwiseConv, StemConv} <= {type(module) for module in fused.modules()}
    torchs = TorchFrame(copy.deepcopy(network), letterbox, 40, DEVICE)
    kernels = KernelFrame(fused, letterbox, 40).to(DEVICE)
    image = torch.from_numpy(np.random.default_rng(4).integers(0, 255, (33, 64, 3), dtype=np.uint8)).to(DEVICE)
    limits = torch.tensor([0.0, 0.5], device=DEVICE)
    wanted = chosen(torchs, image, limits)
    assert len(wanted) >= 3
    for most in (MOST_KEPT, 8):  # more windows than one program takes are left to torch
        monkeypatch.setattr(frame_kernels, "MOST_KEPT", most)
        torch.testing.assert_close(chosen(kernels, image, limits), wanted, atol=2e-2, rtol=1e-3)


def chosen(frame, image, limits):
    with torch.inference_mode():
        table = frame(image, limits).cpu()
    table = table[table[:, KEPT] > 0]
    return table[table[:, RANK].argsort(descending=True)]


def test_only_networks_that_the_kernels_were_written_for():
    assert suits_kernels(NetworkConfig()) and not suits_kernels(NetworkConfig(projection="paper"))
    network = SppNetwork(NetworkConfig(levels=(1,), channels=32, hidden=64), imagenet=False)
    with pytest.raises(ValueError, match="no kernels for"):
        KernelFrame(network, Letterbox.fit((64, 96), 96), 4)


@pytest.mark.parametrize(("capability", "number"), [(75, "fp16"), (90, "fp16"), (90, "bf16")])
def test_every_kernel_compiles(capability, number, tmp_path):
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, str(Path(__file__).with_name("compile_kernels.py")), str(capability), number]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    names = {line.partition(":")[0] for line in done.stdout.splitlines()}
    sources = [
        Path(m.__file__).read_text(encoding="utf-8") for m in (triton_boxes, triton_conv, triton_scale, triton_spp)
    ]
    launched = {name for source in sources for name in re.findall(r"^ +(_\w+)\[.+\]\(", source, re.MULTILINE)}
    assert names == launched and len(names) == 9

"""A frame as one call: the same answer as step by step, on whatever runs it."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from spp_sorter.config import DetectorConfig
from spp_sorter.detector import SHIPPED, Detector
from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.boxes import pairwise_iou
from spp_sorter.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from spp_sorter.network.decode import PROPOSAL_NMS
from spp_sorter.network.frame import BOX, KEPT, PROBS, FrameNetwork, prepare_network
from spp_sorter.network.fused_cuda import fuse_for_gpu, suits_kernels
from spp_sorter.network.letterbox_cuda import DeviceLetterbox
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO
from spp_sorter.network.slim import SLIM
from spp_sorter.network.spp import SpatialPyramidPool
from spp_sorter.network.spp_fixed import FixedPyramidPool
from spp_sorter.network.suppression import FixedSuppression, GreedySuppression

LOOSE = DetectorConfig(score_thresh=0.0, nms_thresh=0.5)


def make_checkpoint(folder, backbone):
    torch.manual_seed(0)
    network = SppNetwork(NetworkConfig(backbone=backbone, channels=32, hidden=64), imagenet=False).eval()
    for layer, std in ((network.head.classes, 0.2), (network.head.refine, 0.1), (network.rpn.output, 0.02)):
        torch.nn.init.normal_(layer.weight, std=std)  # boxes and scores that differ
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias, std=0.3)
    with torch.no_grad():  # objectness that differs from cell to cell by far more than rounding
        tower = network.rpn.tower(network.convolve(torch.rand(1, 3, 96, 160) * 255))
        network.rpn.output.weight /= (network.rpn.output(tower)[:, 0]).std() * 2
    path = folder / f"{backbone}.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict(), step=1), path)
    return path


@pytest.fixture(scope="module", params=["tf_efficientnet_lite0", NANO])
def checkpoint(request, tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("weights"), request.param)


def picture(size_hw, seed=0):
    random = np.random.default_rng(seed)
    image = np.repeat(np.repeat(random.integers(0, 255, (size_hw[0] // 8 + 1, size_hw[1] // 8 + 1, 3)), 8, 0), 8, 1)
    return np.ascontiguousarray(image[: size_hw[0], : size_hw[1]].astype(np.uint8))


def assert_same(a, b, tolerance=2e-3):
    assert len(a) == len(b)
    np.testing.assert_allclose(a.scores, b.scores, atol=tolerance)
    np.testing.assert_allclose(a.boxes_xyxy, b.boxes_xyxy, atol=0.05)
    np.testing.assert_allclose(a.label_probs, b.label_probs, atol=tolerance)
    np.testing.assert_allclose(a.grasps.points_xy, b.grasps.points_xy, atol=0.05)
    np.testing.assert_allclose(a.grasps.sizes_px, b.grasps.sizes_px, rtol=1e-2)


@pytest.mark.parametrize("size_hw", [(96, 160), (97, 131), (40, 300)])
def test_one_call_answers_as_step_by_step_does(checkpoint, size_hw):
    whole = Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160)
    steps = Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160, step_by_step=True)
    found = whole.detect(picture(size_hw))
    assert len(found) >= 5
    assert_same(found, steps.detect(picture(size_hw)))
    assert whole.description.endswith("one call a frame") and "step by step" in steps.description


def test_thresholds_change_between_two_frames_of_the_same_call(checkpoint):
    whole = Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160)
    steps = Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160, step_by_step=True)
    image = picture((96, 160))
    counts = set()
    for config in (LOOSE, DetectorConfig(0.0, 0.05), DetectorConfig(0.6, 0.5), DetectorConfig(0.0, 0.9, 7)):
        whole.configure(config)
        steps.configure(config)
        found = whole.detect(image)
        assert_same(found, steps.detect(image))
        counts.add(len(found))
    assert len(counts) >= 3


def test_the_same_frame_gives_the_same_bytes(checkpoint):
    detector = Detector(checkpoint, device="cpu", config=LOOSE, long_side=160)
    answers = [detector.detect(picture((96, 160))) for _ in range(4)]
    again = Detector(checkpoint, device="cpu", config=LOOSE, long_side=160).detect(picture((96, 160)))
    for answer in [*answers[1:], again]:
        for name in ("boxes_xyxy", "scores", "label_probs"):
            assert getattr(answer, name).tobytes() == getattr(answers[0], name).tobytes()


def test_an_answer_outlives_the_next_frame(checkpoint):
    detector = Detector(checkpoint, device="cpu", config=LOOSE, long_side=160)
    first = detector.detect(picture((96, 160)))
    kept = first.boxes_xyxy.copy()
    detector.detect(picture((96, 160), seed=5))
    assert np.array_equal(first.boxes_xyxy, kept)


def test_the_backbone_runs_once_a_frame_whatever_the_number_of_windows(checkpoint):
    network = load_checkpoint(checkpoint).build()
    for proposals in (1, 50, 400):
        prepared = prepare_network(network, torch.device("cpu"), torch.float32)
        runs = []
        prepared.backbone.register_forward_hook(lambda *_, runs=runs: runs.append(1))
        frame = FrameNetwork(prepared, (96, 160), proposals, GreedySuppression())
        with torch.inference_mode():
            frame(torch.from_numpy(picture((96, 160))), torch.tensor([0.0, 0.5]))
        assert len(runs) == 1


@pytest.mark.parametrize("levels", [(4, 2, 1), (6, 3, 2, 1), (1,), (2, 4)])
@pytest.mark.parametrize("map_hw", [(1, 1), (3, 17), (15, 15), (48, 64), (60, 59)])
def test_fixed_pooling_is_bit_equal(levels, map_hw):
    torch.manual_seed(1)
    pool = SpatialPyramidPool(levels)
    features = torch.randn(1, 5, *map_hw)
    low = torch.stack([torch.randint(-3, map_hw[1] + 2, (300,)), torch.randint(-3, map_hw[0] + 2, (300,))], dim=1)
    windows = torch.cat([low, low + torch.randint(0, max(map_hw) + 3, (300, 2))], dim=1)
    assert torch.equal(FixedPyramidPool(pool).pool_windows(features, windows), pool.pool_windows(features, windows))


def test_pooling_without_a_fixed_form_is_refused_and_served_step_by_step(tmp_path):
    with pytest.raises(ValueError, match="divide the finest"):
        FixedPyramidPool(SpatialPyramidPool((3, 2)))
    network = SppNetwork(NetworkConfig(channels=32, hidden=64, levels=(3, 2)), imagenet=False)
    save_checkpoint(Checkpoint(network.config, network.state_dict()), tmp_path / "odd.pt")
    detector = Detector(tmp_path / "odd.pt", device="cpu", config=LOOSE, long_side=96)
    assert "step by step (pooling is max over levels (3, 2)" in detector.description
    detector.detect(picture((60, 96)))


def random_boxes(count, seed):
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * 60
    return torch.cat([low, low + 10 + torch.rand(count, 2, generator=generator) * 30], dim=1)


@pytest.mark.parametrize("seed", range(5))
def test_suppression_in_fixed_steps_is_the_greedy_choice(seed):
    boxes = random_boxes(200, seed)
    boxes[100:] = boxes[:100] + torch.randn(100, 4) * 2  # near copies, and chains of them
    scores = torch.rand(200, generator=torch.Generator().manual_seed(seed + 9)).sort(descending=True).values
    greedy, fixed = GreedySuppression(), FixedSuppression()
    wanted, _ = greedy.best(boxes, scores, 80)
    chosen, there = fixed.best(boxes, scores, 80)
    assert torch.equal(chosen[there], wanted) and len(chosen) == 80
    order = torch.randperm(200)
    valid = torch.rand(200) > 0.3
    for thresh in (0.1, 0.5, 0.8):
        arguments = (boxes[order], scores[order], valid, torch.tensor(thresh))
        assert torch.equal(fixed.keep(*arguments), greedy.keep(*arguments))


def test_fewer_candidates_than_asked_for_are_marked():
    boxes = random_boxes(30, 3)
    wanted, _ = GreedySuppression().best(boxes, torch.linspace(1, 0, 30), 50)
    chosen, there = FixedSuppression().best(boxes, torch.linspace(1, 0, 30), 50)
    assert len(chosen) == 30 and torch.equal(chosen[there], wanted) and int(there.sum()) == len(wanted)
    overlap = pairwise_iou(chosen[there], chosen[there]).fill_diagonal_(0)
    assert overlap.max() <= PROPOSAL_NMS


@pytest.mark.parametrize("size_hw", [(480, 640), (720, 1280), (512, 512), (97, 131), (384, 512), (1080, 1920)])
def test_scaling_in_torch_is_scaling_in_opencv(size_hw):
    letterbox = Letterbox.fit(size_hw, 512)
    image = picture(size_hw)
    expected = letterbox.image(image).astype(int)
    scaled = DeviceLetterbox(letterbox)(torch.from_numpy(image)).numpy()
    assert scaled.shape == expected.shape
    assert np.abs(scaled - expected).max() <= 1
    assert (scaled == expected).mean() > 0.9


class HostTraffic(TorchDispatchMode):
    """What a CUDA graph cannot hold: constants made by the host, values that it reads, shapes that depend on them."""

    FORBIDDEN = ("lift_fresh", "_local_scalar_dense", "nonzero", "masked_select", "item", "nms")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split("::")[1].split(".")[0]
        if name in self.FORBIDDEN:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def as_for_cuda(checkpoint, dtype=torch.float32):
    """The steps of a CUDA frame, on the CPU."""
    network = prepare_network(load_checkpoint(checkpoint).build(), torch.device("cpu"), dtype)
    fuse_for_gpu(network)
    letterbox = Letterbox.fit((100, 160), 160)
    frame = FrameNetwork(network, letterbox.scaled_hw, 60, FixedSuppression())
    scale = DeviceLetterbox(letterbox)
    return letterbox, lambda image, limits: frame(scale(image), limits)


def test_nothing_in_a_cuda_frame_waits_for_the_host(checkpoint):
    _, frame = as_for_cuda(checkpoint)
    image, limits = torch.from_numpy(picture((100, 160))), torch.tensor([0.0, 0.5])
    with torch.inference_mode(), HostTraffic() as traffic:
        frame(image, limits)
    assert traffic.seen == []
    with torch.inference_mode(), HostTraffic() as traffic:
        torch.tensor([1.0, 2.0]).nonzero()
    assert traffic.seen == ["lift_fresh", "nonzero"]


def test_the_steps_of_a_cuda_frame_answer_as_step_by_step_does(checkpoint):
    letterbox, frame = as_for_cuda(checkpoint)
    image = picture((100, 160))
    steps = Detector(
        checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160, step_by_step=True, proposals=60
    )
    wanted = steps.detect(image)
    with torch.inference_mode():
        table = frame(torch.from_numpy(image), torch.tensor([0.0, 0.5])).numpy()
    kept = table[table[:, KEPT] > 0]
    assert len(kept) == len(wanted) >= 3
    kept = kept[np.argsort(-kept[:, PROBS:].max(axis=1))]
    np.testing.assert_allclose(letterbox.boxes_out(kept[:, BOX]), wanted.boxes_xyxy, atol=0.05)
    np.testing.assert_allclose(kept[:, PROBS:].max(axis=1), wanted.scores, atol=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_our_kernels_run_in_half_precision(checkpoint, precision):
    detector = Detector(checkpoint, device="cuda", precision=precision, config=LOOSE, long_side=160)
    detector.detect(picture((96, 160)))
    assert detector.description.endswith("own kernels")


@pytest.mark.gpu
@pytest.mark.parametrize("size_hw", [(96, 160), (97, 131), (200, 320)])
def test_a_cuda_graph_answers_as_the_cpu_does(checkpoint, size_hw):
    here = Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE, long_side=160, step_by_step=True)
    there = Detector(checkpoint, device="cuda", precision="fp32", config=LOOSE, long_side=160)
    found = there.detect(picture(size_hw))
    own = ", own kernels" if suits_kernels(there.checkpoint.config) else ""
    assert there.description.endswith(f"one CUDA graph a frame{own}")
    wanted = here.detect(picture(size_hw))
    assert abs(len(found) - len(wanted)) <= 2
    assert abs(float(found.scores[0]) - float(wanted.scores[0])) < 0.05


@pytest.mark.gpu
def test_a_cuda_graph_follows_thresholds_and_sizes(checkpoint):
    detector = Detector(checkpoint, device="cuda", precision="fp32", config=LOOSE, long_side=160)
    everything = detector.detect(picture((96, 160)))
    detector.detect(picture((160, 96)))
    detector.configure(DetectorConfig(score_thresh=0.0, max_detections=3))
    few = detector.detect(picture((96, 160)))
    assert len(few) == 3 < len(everything)
    detector.configure(LOOSE)
    again = detector.detect(picture((96, 160)))
    assert again.boxes_xyxy.tobytes() == everything.boxes_xyxy.tobytes()


def test_shipped_weights_have_names():
    for name, path in SHIPPED.items():
        detector = Detector(name, device="cpu")
        assert detector.path == path and path.name in detector.description
    assert Detector("nano", device="cpu").checkpoint.config.backbone == SLIM


def test_the_same_weights_are_made_ready_once_in_a_process(checkpoint):
    first = Detector(checkpoint, device="cpu", config=LOOSE, long_side=160)
    wanted = first.detect(picture((96, 160)))
    again = Detector(checkpoint, device="cpu", config=LOOSE, long_side=160)
    with patch.object(torch.jit, "trace", side_effect=AssertionError("traced again")):
        found = again.detect(picture((96, 160)))
    assert found.boxes_xyxy.tobytes() == wanted.boxes_xyxy.tobytes()


def test_a_pytorch_that_cannot_trace_serves_step_by_step(checkpoint):
    with patch.object(torch.jit, "trace", side_effect=RuntimeError("no such thing here")):
        detector = Detector(checkpoint, device="cpu", config=LOOSE, long_side=128)
        detector.detect(picture((96, 128)))
    assert detector.description.endswith("step by step, for torch.jit failed: no such thing here")

"""The small backbone: maps where the neck expects them, branches that fold exactly, a budget that holds."""

import pytest
import torch
from torch import nn

from spp_sorter.network.backbone import Backbone
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO, BranchedConv, NanoBody, fold_branches

SMALL = NetworkConfig(backbone=NANO, channels=32, hidden=64)


def stirred(module):
    """Batch norms as training leaves them: with statistics, scales and shifts of their own."""
    torch.manual_seed(3)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values, low in ((norm.weight.data, 0.5), (norm.running_var, 0.5), (norm.bias.data, -0.5)):
                values.uniform_(low, low + 1)
            norm.running_mean.normal_()
    return module


@pytest.mark.parametrize(("channels", "stride"), [((6, 6), 1), ((6, 8), 1), ((6, 8), 2), ((6, 6), 2)])
def test_folded_branches_compute_the_same(channels, stride):
    conv = stirred(BranchedConv(*channels, stride)).eval()
    pixels = torch.randn(2, channels[0], 13, 10)
    branched = conv(pixels)
    assert (conv.identity is not None) == (channels == (6, 6) and stride == 1)
    conv.fold()
    torch.testing.assert_close(conv(pixels), branched, atol=1e-5, rtol=1e-5)
    assert sum(isinstance(m, nn.Conv2d) for m in conv.modules()) == 1
    assert not any(isinstance(m, nn.BatchNorm2d) for m in conv.modules())
    folded = conv.folded
    conv.fold()
    assert conv.folded is folded


def test_the_maps_have_their_strides_and_channels():
    backbone = Backbone(NANO, (8, 16, 32)).eval()
    maps = backbone(torch.full((1, 3, 96, 64), 127.0))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, 96 // s, 64 // s) for c, s in zip(backbone.channels, (8, 16, 32), strict=True)
    ]
    assert len(NanoBody((8,)).stages) == 3
    with pytest.raises(ValueError, match=r"no map of stride \[64\]"):
        NanoBody((8, 64))


def test_the_whole_backbone_folds_and_stays_within_its_budget():
    body = stirred(NanoBody()).eval()
    before = body(torch.zeros(1, 3, 64, 64))
    fold_branches(body)
    for a, b in zip(before, body(torch.zeros(1, 3, 64, 64)), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    operations = []
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda conv, _, out: operations.append(2 * out[0].numel() * conv.weight[0].numel())
            )
    body(torch.zeros(1, 3, 384, 512))
    assert 1e9 < sum(operations) <= 6e9


def test_every_branch_learns_and_nothing_is_frozen():
    network = SppNetwork(SMALL).train()
    network.backbone.freeze_below(10**9)
    assert all(p.requires_grad for p in network.backbone.parameters())
    network.convolve(torch.rand(2, 3, 64, 64) * 255).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.backbone.parameters())

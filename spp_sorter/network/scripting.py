"""TorchScript for operators that a trace cannot record."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor


@functools.cache
def scripted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function compiled by TorchScript, once in a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is announced as deprecated and is there
        compiled: Callable[..., Tensor] = torch.jit.script(function)
    return compiled

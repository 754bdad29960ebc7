"""Small damages at random: to bytes, and to trees of plain values."""

from __future__ import annotations

import random
from typing import Any

NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    2,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63,
    10**30,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)
TEXTS = ("", " ", "\x00", "a" * 5000, "../" * 40 + "etc/passwd", "/dev/zero", "%s%n", "\ud800", "é" * 100, "1e999", "-")
WORDS = (
    b"\x00",
    b"\xff",
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"[" * 3000,
    b'{"a":' * 500,
    b"&a;",
    b"*a",
    b"!!python/name:os",
)


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to four damages: bits turned, pieces cut, doubled, moved, overwritten or put in, the end cut off."""
    buffer = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(buffer) + 1)
        size = min(rng.choice((1, 1, 2, 4, 16, 256)), len(buffer) - at)
        kind = rng.randrange(6)
        if kind == 0 and at < len(buffer):
            buffer[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del buffer[at : at + size]
        elif kind == 2:
            buffer[at:at] = buffer[at : at + size]
        elif kind == 3:
            buffer[at : at + size] = rng.randbytes(size)
        elif kind == 4:
            buffer[at:at] = rng.choice(WORDS)
        else:
            del buffer[at:]
    return bytes(buffer)


def damaged_tree(rng: random.Random, tree: Any, damages: int | None = None) -> Any:
    """A copy of a tree of lists, dicts and plain values in which one to three places are wrong."""
    copy = _copied(tree)
    for _ in range(damages or rng.randint(1, 3)):
        copy = _damage(rng, copy)
    return copy


def odd_value(rng: random.Random, like: Any = None) -> Any:
    """A value that stands at the edge of what anybody expects, now and then of another type."""
    if isinstance(like, str) and rng.random() < 0.7:
        return rng.choice(TEXTS)
    if isinstance(like, (int, float)) and not isinstance(like, bool) and rng.random() < 0.8:
        return rng.choice(NUMBERS)
    return rng.choice((None, True, [], {}, [[[]]], {"id": []}, rng.choice(TEXTS), rng.choice(NUMBERS), [0] * 5))


def _copied(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    return [_copied(value) for value in tree] if isinstance(tree, (list, tuple)) else tree


def _damage(rng: random.Random, tree: Any) -> Any:
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        kind = rng.randrange(8)
        if kind == 0:
            del tree[key]
        elif kind == 1:
            tree[rng.choice(TEXTS)] = tree.pop(key)
        else:
            tree[key] = _damage(rng, tree[key])
        return tree
    if isinstance(tree, list) and tree and rng.random() < 0.9:
        at, kind = rng.randrange(len(tree)), rng.randrange(8)
        if kind == 0:
            del tree[at]
        elif kind == 1:
            tree.insert(at, _copied(tree[at]))
        else:
            tree[at] = _damage(rng, tree[at])
        return tree
    return odd_value(rng, tree)

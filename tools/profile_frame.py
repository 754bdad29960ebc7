"""Where the time of a frame goes: the kernels (on a GPU) or operators (on a CPU) that take most of it.

python tools/profile_frame.py --size 1280x720 --long-side 640 --top 20 [--model CKPT] [--device cuda]
"""

from __future__ import annotations

import argparse
import collections

import torch
from torch.profiler import ProfilerActivity, profile

from spp_sorter.detector import Detector
from spp_sorter.learning.benchmark_frames import belt_frames, parse_size

CALLS = 20


def main() -> None:
    """Profile some calls of ``detect`` and print the totals per frame."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--long-side", type=int, default=0)
    parser.add_argument("--top", type=int, default=20)
    args = parser.parse_args()
    detector = Detector(args.model or None, args.device, args.precision, long_side=args.long_side)
    frame = belt_frames(parse_size(args.size), 1)[0]
    for _ in range(5):
        detector.detect(frame)
    print(detector.description)
    on_gpu = detector.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as seen:
        for _ in range(CALLS):
            detector.detect(frame)
    total: collections.Counter[str] = collections.Counter()
    count: collections.Counter[str] = collections.Counter()
    for event in seen.events():
        device = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
        if event.device_type == device:
            spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
            total[event.name] += spent
            count[event.name] += 1
    print(f"{sum(count.values()) / CALLS:.0f} launches and {sum(total.values()) / CALLS / 1e3:.3f} ms a frame")
    for name, spent in total.most_common(args.top):
        print(f"{spent / CALLS:9.1f} us  {count[name] / CALLS:6.1f} times  {name[:110]}")


if __name__ == "__main__":
    main()

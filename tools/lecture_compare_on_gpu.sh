#!/bin/sh
# Runs `spp_sorter lecture` on a machine with a GPU and no OpenCV contrib: on two CPU cores and on the GPU, side by side.
#
#   cp .cache/lecture/scene_* .cache/carry/scenes/      first, where selective search runs: pictures and their windows
#   tools/lecture_compare_on_gpu.sh OUTDIR
#
# OUTDIR gets lecture_cpu.json and lecture_cuda.json with their logs.
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: tools/lecture_compare_on_gpu.sh OUTDIR}
python=${PYTHON:-python3}
mkdir -p "$out"
scenes=$(mktemp -d)
trap 'rm -rf "$scenes"' EXIT
cp .cache/carry/scenes/scene_*.npz "$scenes"/
PYTHONPATH="$PWD/.cache/carry/site${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH PYTHONUNBUFFERED=1
two_cores="taskset -c ${CORES:-0,1}"
OMP_NUM_THREADS=2 $two_cores "$python" -m spp_sorter.cli lecture --cache "$scenes" --device cpu --threads 2 --workers 0 \
    --pictures "${CPU_PICTURES:-10}" --training 24 --systems rcnn,spp_net_1_scale,spp_net_5_scale,fast_rcnn,ours \
    --json "$out/lecture_cpu.json" > "$out/lecture_cpu.log" 2>&1 &
cpu=$!
OMP_NUM_THREADS=6 "$python" -m spp_sorter.cli lecture --cache "$scenes" --device "${GPU_DEVICE:-cuda}" --workers 0 \
    --json "$out/lecture_cuda.json" > "$out/lecture_cuda.log" 2>&1 || echo "the GPU's run failed: $out/lecture_cuda.log"
wait "$cpu"

#!/bin/sh
# gpu_check.sh OUTDIR: everything that is measured on a CUDA machine, in some minutes, without ROS.
# Every step runs even when an earlier one failed. OUTDIR gets one log and the figures of each step.
# SSD_SECONDS=90 SCENES=100 trains SSDlite on simulated scenes and measures it and ours on held-out ones. ImageNet weights
# of its backbone are not at hand offline: it starts at random. PYTHON names the interpreter, DEVICE=cpu tries it out.
set -u
out=${1:?usage: tools/gpu_check.sh OUTDIR}
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here" || exit 2
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore
failed=""

step() { # step NAME SECONDS COMMAND...
    name=$1; limit=$2; shift 2
    begin=$(date +%s)
    if timeout "$limit" "$@" >"$out/$name.log" 2>&1; then verdict=ok; else verdict="failed ($?)"; failed="$failed $name"; fi
    printf '== %s: %s, %s s\n' "$name" "$verdict" "$(($(date +%s) - begin))"
    tail -n "${TAIL:-25}" "$out/$name.log"
    cat "$out/$name.log" >>"$out/gpu_check.log"
}

benchmark() { # benchmark NAME SECONDS ARGS...
    name=$1; limit=$2; shift 2
    step "$name" "$limit" "$python" -m spp_sorter.cli benchmark "$@" --json "$out/$name.json"
}

nvidia-smi --query-gpu=name,driver_version,clocks.sm --format=csv,noheader 2>/dev/null
step tests 150 "$python" -m pytest -q -x --no-header -p no:cacheprovider -o addopts= -m gpu \
    test/test_detector.py test/test_runtime.py test/test_spp.py
step kernels 240 "$python" -m pytest -q --no-header -p no:cacheprovider -o addopts= test/test_kernels.py
step profile 60 "$python" tools/profile_frame.py --size 1280x720 --long-side 640 --top 20
for setting in "640 1280x720" "512 1280x720" "512 640x480"; do
    side=${setting% *}; size=${setting#* }
    windows=""; [ "$side" = 640 ] && windows="--windows 50 100 200 500 1000 2000"
    # shellcheck disable=SC2086 # a list of words
    benchmark "detector_${side}_$size" 180 detector --device "${DEVICE:-cuda}" --size "$size" --long-side "$side" \
        --frames "${FRAMES:-1000}" $windows
done
benchmark spp 60 spp --device "${DEVICE:-cuda}"
benchmark peers 200 peers --device "${DEVICE:-cuda}" --size 1280x720 --frames 200 \
    --train-seconds "${SSD_SECONDS:-0}" --workers "${WORKERS:-14}" --scenes "${SCENES:-0}" --page "$out/peers.html"
echo "failed steps:${failed:- none}"
[ -z "$failed" ]

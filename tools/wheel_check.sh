#!/bin/sh
# Build the wheel, install it in a clean environment, and call it there: what a user of the wheel gets.
set -e
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# From a copy: setuptools leaves `build` and `*.egg-info` where it builds.
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$work" --one-top-level=src
".venv/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/dist" "$work/src"
".venv/bin/python" -m venv --without-pip "$work/venv"
# Its requirements come from here, read only: the test is what the wheel holds.
".venv/bin/python" -m pip --python "$work/venv/bin/python" install --quiet --no-deps --no-index "$work"/dist/*.whl
site=$("$work/venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
echo "$root/.venv/lib/$(basename "$(dirname "$site")")/site-packages" > "$site/requirements.pth"
cd "$work"
"$work/venv/bin/spp_sorter" --help > /dev/null
"$work/venv/bin/python" - "$root" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np

import spp_sorter
from spp_sorter.detector import DEFAULT_CHECKPOINT, Detector

assert not Path(spp_sorter.__file__).is_relative_to(sys.argv[1]), spp_sorter.__file__
assert DEFAULT_CHECKPOINT.is_file()
Detector(device="cpu").detect(np.zeros((48, 64, 3), np.uint8))
PYTHON
for file in config/sorter.yaml config/fastdds.xml config/sros2_policy.xml launch/sorter.launch.py package.xml; do
    [ -f "$work/venv/share/spp_sorter/$file" ] || { echo "wheel: share/spp_sorter/$file is missing"; exit 1; }
done
ls -l "$work"/dist/*.whl | awk '{printf "wheel: %s, %.1f MB: installs, runs, has weights, config and launch files\n", $9, $5 / 1e6}' | sed "s|$work/dist/||"

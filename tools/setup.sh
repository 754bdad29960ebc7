#!/bin/sh
# Finds a Python that can make the environment and hands over to setup_run.py. `make setup` calls it.
# PYTHON=... names one; without it the distribution's own python3 goes first.
here=$(dirname "$0")
suits='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'
complete='import ensurepip, os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h")).close()'
says='import sys; print("Python %d.%d.%d" % sys.version_info[:3])'

if [ -n "$PYTHON" ]; then
    if "$PYTHON" -c "$suits" >/dev/null 2>&1; then exec "$PYTHON" "$here/setup_run.py" "$@"; fi
    found=$("$PYTHON" -c "$says" 2>/dev/null || echo "not a Python that runs")
    echo "error: PYTHON=$PYTHON is $found; needed: Python 3.10 to 3.13. Leave PYTHON out, or: make PYTHON=python3.12" >&2
    exit 1
fi

suitable=""
for name in python3 python3.13 python3.12 python3.11 python3.10; do
    if "$name" -c "$suits" >/dev/null 2>&1; then
        if "$name" -c "$complete" >/dev/null 2>&1; then exec "$name" "$here/setup_run.py" "$@"; fi
        [ -n "$suitable" ] || suitable=$name
    fi
done
# None is complete: setup_run.py says what the first one lacks.
if [ -n "$suitable" ]; then exec "$suitable" "$here/setup_run.py" "$@"; fi

found=$(python3 -c "$says" 2>/dev/null || echo "missing")
echo "error: no Python 3.10 to 3.13 found (python3 is $found). Run: sudo apt install python3.12 python3.12-venv" \
    "python3.12-dev (on Ubuntu after: sudo add-apt-repository ppa:deadsnakes/ppa)" >&2
exit 1

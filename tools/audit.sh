#!/bin/sh
# Known vulnerabilities of the pinned packages, by pip-audit in an environment of its own.
# Exit code 1 when there are some; 0 with a line that says so when nothing could be asked.
set -e
cd "$(dirname "$0")/.."
venv=out/audit-venv
if [ ! -x "$venv/bin/pip-audit" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --retries 1 --timeout 10 pip-audit==2.10.1; then
        echo "audit: pip-audit cannot be installed; there is no connection, or no such release. Nothing was checked."
        rm -rf "$venv"
        exit 0
    fi
fi
# The pins are complete, so nothing has to be resolved; PyTorch's own pins are in requirements.txt.
rm -f out/audit.json
"$venv/bin/pip-audit" --no-deps --disable-pip --progress-spinner off -f json -o out/audit.json -r constraints.txt \
    2>out/audit.log || [ -s out/audit.json ] || { echo "audit: the service does not answer. Nothing was checked."; exit 0; }
"$venv/bin/python" tools/audit_report.py out/audit.json

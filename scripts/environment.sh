#!/usr/bin/env bash
# Make or update the development environment: environment.sh FOLDER GROUP...
# GROUP is a dependency group of pyproject.toml (test, lint, docs).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
shift

find_python() {
    # PYTHON decides alone if it is set; otherwise the first interpreter that is new enough.
    local candidates=(python3 python3.13 python3.12 python3.11 python3.14 python)
    [ -n "${PYTHON:-}" ] && candidates=("$PYTHON")
    local candidate
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1 </dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "no usable Python found (tried: ${candidates[*]}): install Python >= 3.11 with its venv" \
        "module (Debian, Ubuntu: python3-venv), or name one: make env PYTHON=/path/to/python3" >&2
    return 1
}

if [ ! -x "$folder/bin/python" ]; then
    python=$(find_python)
    echo "making $folder with $("$python" --version 2>&1)"
    "$python" -m venv "$folder"
fi

# The groups are read from pyproject.toml by the interpreter itself: the pip that comes with
# Python 3.11 and 3.12 does not know --group.
mapfile -t requirements < <("$folder/bin/python" - "$@" <<'PYTHON'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    groups = tomllib.load(file)["dependency-groups"]
for name in sys.argv[1:]:
    print("\n".join(groups[name]))
PYTHON
)
[ "${#requirements[@]}" -gt 0 ] || { echo "pyproject.toml: groups '$*' are empty" >&2; exit 1; }

echo "installing napari-unetpick, its dependencies and ${requirements[*]} (some minutes the first time)"
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "$folder/bin/python" -m pip install --quiet \
    --constraint constraints-dev.txt --editable '.[all]' "${requirements[@]}" </dev/null

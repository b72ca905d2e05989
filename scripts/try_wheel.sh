#!/usr/bin/env bash
# Build the wheel, install it as a user would, and try it outside of the repository: try_wheel.sh
# PYTHON names the interpreter; it needs its venv module and the internet or a mirror for pip.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/unetpick-wheel.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 MPLBACKEND=agg
unset PYTHONPATH

"${PYTHON:-python3}" -m venv "$folder/venv"
python=$folder/venv/bin/python
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$folder" "$repository" </dev/null
wheel=$(echo "$folder"/napari_unetpick-*.whl)
echo "== built $(basename "$wheel"), $(wc -c <"$wheel") bytes"

"$python" -m pip install --quiet --constraint "$repository/constraints-dev.txt" \
    "$wheel[all]" </dev/null
cd "$folder"
unetpick=$folder/venv/bin/unetpick
"$unetpick" doctor </dev/null
"$unetpick" simulate data --sample ribosome --count 3 --size 512 </dev/null
cat >tiny.toml <<'TOML'
[network]
width = 8
depth = 2
[train]
epochs = 2
patches_per_epoch = 32
batch = 8
patch_px = 64
TOML
"$unetpick" train data --picks data/picks.csv --diameter 290 --recipe tiny.toml --run run \
    --device cpu </dev/null
"$unetpick" pick data --model run --out picked --device cpu </dev/null
"$unetpick" pick data --out general --diameter 290 --device cpu </dev/null
"$unetpick" evaluate picked --truth data/picks.csv --out report </dev/null
QT_QPA_PLATFORM=offscreen "$folder/venv/bin/npe2" validate napari-unetpick </dev/null
for file in {picked,general}/{picks.csv,autopick.star} report/report.html; do
    [ -s "$file" ] || { echo "$file was not written" >&2; exit 1; }
done
echo "== the wheel works"

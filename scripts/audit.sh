#!/usr/bin/env bash
# Look for known vulnerabilities in the installed packages: audit.sh ENVIRONMENT
# Fails if there are any. Where the index of vulnerabilities isn't reached, it says so and passes.
set -euo pipefail
environment=$1
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
status=0
"$environment/bin/pip-audit" --local --skip-editable --progress-spinner off --timeout 10 \
    --format json --output "$report/found.json" </dev/null 2>"$report/errors" || status=$?
if [ ! -s "$report/found.json" ]; then
    echo "vulnerabilities: not checked ($(tail -n 1 "$report/errors" | cut -c 1-160))"
    exit 0
fi
cat "$report/errors"
[ "$status" = 0 ] || "$environment/bin/python" -m json.tool "$report/found.json"
exit "$status"

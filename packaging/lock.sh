#!/usr/bin/env bash
# Writes requirements.lock and requirements-dev.lock: plain pins, no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade \
        --universal --python-version 3.11 --override packaging/overrides.txt "$@"
}
compile requirements.in -o requirements.lock
compile -c requirements.lock requirements-dev.in -o requirements-dev.lock
# What the overrides rule out is still listed, under a marker that is never true.
sed -i "/sys_platform == 'never'/d" requirements.lock requirements-dev.lock

#!/usr/bin/env bash
# Sets up .venv with what the tests need and runs them all: style, types, layers, lit, pytest.
# Needs g++ and Python's headers: one library comes as source (tests/frameworks.txt).
# With CI set, a missing tool (gcc, clang-19, mlir-opt-19, arm-none-eabi-gcc) is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet -e '.[test,frameworks]'
.venv/bin/pip install --quiet --no-deps -r tests/frameworks.txt
export PATH="$PWD/.venv/bin:$PATH"
ruff format --check .
ruff check .
mypy
lint-imports
lit -q tests/filecheck
# neighbours stay together, for they share what is expensive to set up
python -m pytest -n 2 --dist worksteal "$@"

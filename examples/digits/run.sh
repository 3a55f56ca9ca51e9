#!/usr/bin/env bash
# Sets snncc up in .venv, compiles a trained network to C and runs it on real test images.
# Needs Python 3.11 or newer and a C compiler. Takes about a minute the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x .venv/bin/snncc ] || { python3 -m venv .venv && .venv/bin/pip install --quiet -e .; }
digits=examples/digits
options=(--like snntorch --dt 1e-4 --reset subtract --reset-timing next)
.venv/bin/snncc compile "$digits/mlp_lif_digits.nir" "${options[@]}" -o build/mlp_lif_digits
.venv/bin/snncc run "$digits/mlp_lif_digits.nir" "${options[@]}" \
  --input "$digits/digits.npz" --steps 20 --labels y

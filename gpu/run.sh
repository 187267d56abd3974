#!/bin/sh
# Builds everything for this machine's GPU, runs it and leaves results/summary.json and logs. Needs an NVIDIA driver, nvcc,
# CMake and g++; PyTorch (LORATWIN_PYTHON, default python3) for the comparison. --dry lists the stages, --help the options.
cd "$(dirname "$0")" || exit 3
exec bin/node dist/gpu/run.js -o results "$@"

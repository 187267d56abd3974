#!/bin/sh
# Builds everything for this machine's GPU, runs it and leaves results/summary.json and results/stages.tar.gz;
# ./run.sh --only sanitizer is a second call. Needs an NVIDIA driver, nvcc, CMake with Ninja or make, and g++; PyTorch
# (LORATWIN_PYTHON, default python3) for the comparison. --dry lists the stages, --help the options.
cd "$(dirname "$0")" || exit 3
exec bin/node dist/gpu/run.js -o results "$@"

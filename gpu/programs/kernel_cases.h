#pragma once

namespace loratwin::gpu {

// A line for each kernel {kind: "kernel", name, bytes, operations, ...} and one for the memory's bandwidth.
void timeKernels();

}  // namespace loratwin::gpu

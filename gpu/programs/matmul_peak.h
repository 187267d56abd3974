#pragma once

namespace loratwin::gpu {

// A line for each product {kind: "matmul", name, operations, ...}: a large square one, whose rate is the peak
// that others are compared with, and those of a Llama-3-8B layer. Throws std::runtime_error when cuBLASLt is missing.
void timeProducts();

}  // namespace loratwin::gpu

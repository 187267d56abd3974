// Milliseconds of each operator in one training step of a small model, and the share that is not base matmuls.
#pragma once

namespace loratwin::test {

// Prints a table for every (hidden size, threads); returns 0.
int timeSteps();

}  // namespace loratwin::test

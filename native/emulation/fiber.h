// Stacks and the switch between them. A kernel's thread is a fiber: it gives the processor away only where it has to
// wait.
#pragma once

#include <cstddef>

namespace loratwin::emulation {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::size_t kMaxThreads = 1024;

struct Stack {
  char* bottom;
  void* pointer;  // of the suspended fiber
};

// Memory for all stacks of a block, a guard page below each.
void mapStacks(Stack (&stacks)[kMaxThreads]);

// The next switchTo(stack) enters `entry` on an empty stack. `colour` staggers the tops over cache sets.
void prepareStack(Stack& stack, unsigned colour, void (*entry)());

// Suspends the running one as `from` and resumes `to`.
void switchStacks(Stack& from, Stack& to);

}  // namespace loratwin::emulation

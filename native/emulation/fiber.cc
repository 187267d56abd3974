#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "emulation/fiber.h"

#if !defined(__x86_64__)
#include <ucontext.h>

#include <map>
#endif

namespace loratwin::emulation {

void mapStacks(Stack (&stacks)[kMaxThreads]) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t step = kStackBytes + page;
  void* const memory =
      mmap(nullptr, step * kMaxThreads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  for (std::size_t i = 0; i < kMaxThreads; ++i) {
    char* const guard = static_cast<char*>(memory) + i * step;
    mprotect(guard, page, PROT_NONE);
    stacks[i] = {guard + page, nullptr};
  }
}

#if defined(__x86_64__)

// System V ABI: a call keeps rbx, rbp, r12 .. r15 and the stack pointer; all else is the caller's to save.
extern "C" void loratwinSwitch(void** saved, void* next);
asm(R"(
  .text
  .globl loratwinSwitch
  .type loratwinSwitch, @function
loratwinSwitch:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
  .size loratwinSwitch, .-loratwinSwitch
)");

void prepareStack(Stack& stack, unsigned colour, void (*entry)()) {
  constexpr std::size_t kSavedRegisters = 6;
  constexpr std::size_t kColours = 16;
  constexpr std::size_t kColourBytes = 192;
  void** top = reinterpret_cast<void**>(stack.bottom + kStackBytes - (colour % kColours) * kColourBytes);
  *--top = nullptr;  // where a caller's address would be: the entry finds the stack as after a call
  *--top = reinterpret_cast<void*>(entry);
  top -= kSavedRegisters;
  for (std::size_t i = 0; i < kSavedRegisters; ++i) top[i] = nullptr;
  stack.pointer = top;
}

void switchStacks(Stack& from, Stack& to) { loratwinSwitch(&from.pointer, to.pointer); }

#else

void prepareStack(Stack& stack, unsigned, void (*entry)()) {
  static std::map<char*, ucontext_t> contexts;
  ucontext_t& context = contexts[stack.bottom];
  getcontext(&context);
  context.uc_stack.ss_sp = stack.bottom;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, entry, 0);
  stack.pointer = &context;
}

void switchStacks(Stack& from, Stack& to) {
  static ucontext_t host;
  if (from.pointer == nullptr) from.pointer = &host;
  swapcontext(static_cast<ucontext_t*>(from.pointer), static_cast<const ucontext_t*>(to.pointer));
}

#endif

}  // namespace loratwin::emulation

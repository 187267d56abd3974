// How an operator spreads its work: over the fixed team of threads of one device.
#pragma once

#include <cstddef>
#include <type_traits>

namespace loratwin::ops {

// Implemented by the device's thread pool (src/runtime) and by the tests. Contract:
//   - run() splits [0, count) into threads() contiguous ranges in thread order, the first count % threads() of them
//     one longer,
//     calls invoke(state, begin, end, thread) for every non-empty range, each on its own thread, and returns when all
//     have returned;
//   - the split depends on (count, threads()) alone; an exception of any range is rethrown to the caller;
//   - run() allocates nothing; no nesting.
class ExecContext {
 public:
  using Invoke = void (*)(void* state, std::size_t begin, std::size_t end, int thread);

  virtual ~ExecContext() = default;
  virtual int threads() const = 0;
  virtual void run(std::size_t count, Invoke invoke, void* state) = 0;

  // body(begin, end, thread)
  template <class Body>
  void parallelFor(std::size_t count, Body&& body) {
    using Function = std::remove_reference_t<Body>;
    run(
        count,
        [](void* state, std::size_t begin, std::size_t end, int thread) {
          (*static_cast<Function*>(state))(begin, end, thread);
        },
        const_cast<void*>(static_cast<const void*>(&body)));
  }
};

}  // namespace loratwin::ops

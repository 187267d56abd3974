// Programs that check promises: one JSON line each, {case, ok}; the exit status is 1 when any is not kept.
#pragma once

#include <cstdio>

namespace loratwin::test {

inline bool allKept = true;

inline void expect(const char* promise, bool kept) {
  std::printf("{\"case\":\"%s\",\"ok\":%s}\n", promise, kept ? "true" : "false");
  allKept = allKept && kept;
}

}  // namespace loratwin::test

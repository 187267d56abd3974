// The table's device when it is the emulation: six schedules, every buffer between guard pages.
#pragma once

#include <string>

#include "emulation/emulation.h"

namespace loratwin::test {

using emulation::DeviceBuffer;

struct Setting {
  const char* name;
  emulation::Schedule schedule;
  std::uint32_t seed;
  std::uint8_t fill;  // ff: NaN; 3f: about 0.75
};

constexpr Setting kSettings[] = {
    {"ascending ff", emulation::Schedule::ascending, 1, 0xff},
    {"descending 3f", emulation::Schedule::descending, 1, 0x3f},
    {"random 1 ff", emulation::Schedule::random, 1, 0xff},
    {"random 2 3f", emulation::Schedule::random, 2, 0x3f},
    {"run ahead 1 ff", emulation::Schedule::runAhead, 1, 0xff},
    {"run ahead 2 3f", emulation::Schedule::runAhead, 2, 0x3f},
};

inline void apply(const Setting& setting) {
  emulation::options.schedule = setting.schedule;
  emulation::options.seed = setting.seed;
  emulation::options.fill = setting.fill;
}

// The emulation tells what went wrong at once.
inline void finishRun() {}

// The table's last line.
inline std::string deviceLine() {
  const emulation::Counters& c = emulation::counters;
  return "{\"launches\":" + std::to_string(c.launches) + ",\"mma\":" + std::to_string(c.mma) +
         ",\"ldmatrix\":" + std::to_string(c.ldmatrix) + ",\"bankConflicts\":" + std::to_string(c.bankConflicts) +
         ",\"checked\":" + (emulation::checking() ? "true" : "false") + "}";
}

}  // namespace loratwin::test

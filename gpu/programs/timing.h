// Times on the GPU's own clock, with the cache emptied before every run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace loratwin::gpu {

struct Timing {
  double seconds;  // median
  double fastestSeconds;
  int repetitions;
};

// A run is all that `work` launches on stream 0. Throws std::runtime_error for a kernel's fault.
Timing timeOnGpu(const std::function<void()>& work, int repetitions);

// `work` launched `times` times in a row, warm, divided: for work that is long beside what it reads.
Timing timeWarm(const std::function<void()>& work, int times, int repetitions);

// One JSON line: {kind, name, <parameters>, seconds, fastestSeconds, repetitions}; `parameters` is JSON text of fields.
void printLine(const char* kind, const std::string& name, const std::string& parameters, const Timing& timing);

}  // namespace loratwin::gpu

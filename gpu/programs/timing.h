// Times on the GPU's own clock, with the cache emptied before every run: timing.cc. In a test on the emulation work
// runs once and takes no time: timing_emulated.cc.
#pragma once

#include <cstddef>
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

// Of bytes from one place of the memory to another.
Timing timeCopy(void* to, const void* from, std::size_t bytes, int repetitions);

// One JSON line: {kind, name, <parameters>, seconds, fastestSeconds, repetitions}; `parameters` is JSON text of fields.
void printLine(const char* kind, const std::string& name, const std::string& parameters, const Timing& timing);

// Times a kernel cold and prints its line: kind "kernel", the bytes that have to move, operations, and fields more.
void measure(const std::string& name, double bytes, double operations, const std::function<void()>& work,
             const std::string& more = "");

// The fields "bytes" and "operations" as JSON text.
std::string costs(double bytes, double operations);

}  // namespace loratwin::gpu

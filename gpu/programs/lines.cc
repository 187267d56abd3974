#include <cstdio>

#include "timing.h"

namespace loratwin::gpu {

constexpr int kRepetitions = 20;

void printLine(const char* kind, const std::string& name, const std::string& parameters, const Timing& timing) {
  std::printf("{\"kind\":\"%s\",\"name\":\"%s\",%s,\"seconds\":%.4g,\"fastestSeconds\":%.4g,\"repetitions\":%d}\n",
              kind, name.c_str(), parameters.c_str(), timing.seconds, timing.fastestSeconds, timing.repetitions);
  std::fflush(stdout);
}

std::string costs(double bytes, double operations) {
  char fields[96];
  std::snprintf(fields, sizeof fields, "\"bytes\":%.0f,\"operations\":%.0f", bytes, operations);
  return fields;
}

void measure(const std::string& name, double bytes, double operations, const std::function<void()>& work,
             const std::string& more) {
  const std::string fields = costs(bytes, operations) + (more.empty() ? "" : "," + more);
  printLine("kernel", name, fields, timeOnGpu(work, kRepetitions));
}

}  // namespace loratwin::gpu

// kernel_bench: the peaks that everything else is measured against, one JSON line each
// {name, parameters, value, unit, repetitions, spread}: value is the largest of the repetitions, since whatever else
// runs only takes away from a peak; spread is (largest - smallest) / largest.
//
//   kernel_bench [--peak] [--read] [--threads N] [--repetitions N]
//
//   --peak  fp32 multiply-adds and, where the processor has them, bf16 products on registers alone
//   --read  reading in order from DRAM (256 MiB a thread) and from the last cache level (a quarter of it)
//   Without --peak and --read both; without --threads one thread and all allowed cores, at most two.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "read_rate.h"
#include "register_peak.h"
#include "timed_team.h"

namespace loratwin::bench {

namespace {

struct Options {
  bool peak = false;
  bool read = false;
  int threads = 0;
  int repetitions = 5;
};

void print(const char* name, const std::string& parameters, const std::vector<double>& values, const char* unit) {
  const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
  std::printf("{\"name\":\"%s\",\"parameters\":{%s},\"value\":%.6g,\"unit\":\"%s\",", name, parameters.c_str(),
              *largest, unit);
  std::printf("\"repetitions\":%zu,\"spread\":%.4f}\n", values.size(), (*largest - *smallest) / *largest);
  std::fflush(stdout);
}

void measurePeak(const Options& options, const std::vector<int>& cores, const char* dtype,
                 const std::function<double(long)>& work) {
  constexpr long kRounds = 8'000'000;
  std::vector<double> rates;
  for (int i = 0; i <= options.repetitions; ++i) {
    std::vector<double> flops(cores.size());
    const double seconds =
        timedTogether(cores, [&](int thread) { flops[static_cast<std::size_t>(thread)] = work(kRounds); });
    double total = 0;
    for (const double each : flops) total += each;
    if (i > 0) rates.push_back(total / seconds / 1e9);  // the first one wakes the cores
  }
  print("register peak", "\"dtype\":\"" + std::string(dtype) + "\",\"threads\":" + std::to_string(cores.size()), rates,
        "GFLOP/s");
}

void measureRead(const Options& options, const std::vector<int>& cores, const char* level, std::size_t bytes,
                 int times) {
  const std::vector<ReadBuffer> buffers(cores.size(), ReadBuffer(bytes));
  std::vector<double> rates;
  for (int i = 0; i <= options.repetitions; ++i) {
    const double seconds =
        timedTogether(cores, [&](int thread) { buffers[static_cast<std::size_t>(thread)].read(times); });
    const double total = static_cast<double>(cores.size() * buffers[0].bytes()) * times;
    if (i > 0) rates.push_back(total / seconds / 1e9);
  }
  print("read bandwidth", "\"level\":\"" + std::string(level) + "\",\"threads\":" + std::to_string(cores.size()),
        rates, "GB/s");
}

void measure(const Options& options, const std::vector<int>& cores) {
  if (options.peak) {
    measurePeak(options, cores, "float32", multiplyAddFloat32);
    if (hasBfloat16Dot()) measurePeak(options, cores, "bfloat16", dotBfloat16);
  }
  if (options.read) {
    measureRead(options, cores, "DRAM", std::size_t{256} << 20, 1);
    const auto lastLevel = static_cast<std::size_t>(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)));
    const auto own = static_cast<std::size_t>(std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)));
    const std::size_t part = lastLevel / 4 / cores.size();
    if (part > 2 * own) measureRead(options, cores, "L3", part, 40);
  }
}

int usage() {
  std::fprintf(stderr, "Expected: kernel_bench [--peak] [--read] [--threads N] [--repetitions N]\n");
  return 2;
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--peak") {
      options.peak = true;
    } else if (argument == "--read") {
      options.read = true;
    } else if ((argument == "--threads" || argument == "--repetitions") && i + 1 < argc) {
      const int count = std::atoi(argv[++i]);
      if (count < 1) return usage();
      (argument == "--threads" ? options.threads : options.repetitions) = count;
    } else {
      return usage();
    }
  }
  if (!options.peak && !options.read) options.peak = options.read = true;
  const std::vector<int> cores = allowedCores();
  const int most = static_cast<int>(cores.size());
  if (options.threads > most) {
    std::fprintf(stderr, "Expected --threads of at most %d, got %d.\n", most, options.threads);
    return 2;
  }
  const int first = options.threads > 0 ? options.threads : 1;
  const int last = options.threads > 0 ? options.threads : std::min(most, 2);
  for (int count = first; count <= last; ++count) measure(options, {cores.begin(), cores.begin() + count});
  return 0;
}

}  // namespace

}  // namespace loratwin::bench

int main(int argc, char** argv) { return loratwin::bench::run(argc, argv); }

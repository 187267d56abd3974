// kernel_bench: the peaks that everything else is measured against, one JSON line each
// {name, parameters, value, unit, repetitions, spread}: value is the largest of the repetitions, since whatever else
// runs only takes away from a peak; spread is (largest - smallest) / largest.
//
//   kernel_bench [--peak] [--memory] [--threads N] [--repetitions N]
//
//   --peak    fp32 multiply-adds and, where the processor has faster ones, bf16 products on registers alone
//   --memory  reading and copying in order: DRAM (256 MiB a thread), the last cache level (a quarter of it), a core's
//   own
//             (half of it). A copy's bytes are those read and those written
//   Without --peak and --memory both; without --threads one thread and all allowed cores, at most two.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "memory_rate.h"
#include "ops/isa.h"
#include "ops/register_peak.h"
#include "runtime/cpu/own_cache.h"
#include "timed_team.h"

namespace loratwin::bench {

namespace {

constexpr long kRounds = 8'000'000;

struct Options {
  bool peak = false;
  bool memory = false;
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

// What all cores together did a second, in billions, each doing work(thread) at once.
std::vector<double> ratesOf(const Options& options, const std::vector<int>& cores,
                            const std::function<double(std::size_t thread)>& work) {
  std::vector<double> rates;
  for (int i = 0; i <= options.repetitions; ++i) {
    std::vector<double> done(cores.size());
    const double seconds = timedTogether(cores, [&](int thread) {
      const auto index = static_cast<std::size_t>(thread);
      done[index] = work(index);
    });
    double total = 0;
    for (const double each : done) total += each;
    if (i > 0) rates.push_back(total / seconds / 1e9);  // the first one wakes the cores
  }
  return rates;
}

void measurePeak(const Options& options, const std::vector<int>& cores, const char* dtype, double (*work)(long),
                 long rounds) {
  print("register peak", "\"dtype\":\"" + std::string(dtype) + "\",\"threads\":" + std::to_string(cores.size()),
        ratesOf(options, cores, [&](std::size_t) { return work(rounds); }), "GFLOP/s");
}

void measureMemory(const Options& options, const std::vector<int>& cores, const char* level, std::size_t bytes,
                   int times) {
  std::vector<MemoryBuffer> buffers(cores.size(), MemoryBuffer(bytes));
  const std::string parameters = "\"level\":\"" + std::string(level) + "\",\"threads\":" + std::to_string(cores.size());
  print("read bandwidth", parameters,
        ratesOf(options, cores, [&](std::size_t thread) { return buffers[thread].read(times); }), "GB/s");
  print("copy bandwidth", parameters,
        ratesOf(options, cores, [&](std::size_t thread) { return buffers[thread].copy(times); }), "GB/s");
}

void measure(const Options& options, const std::vector<int>& cores) {
  if (options.peak) {
    measurePeak(options, cores, "float32", ops::multiplyFloats, kRounds);
    if (ops::usableTiles()) {
      // A round on tiles is 21 times the work of one on vectors, and takes two to three times as long.
      measurePeak(options, cores, "bfloat16", ops::multiplyTiles, kRounds / 2);
    } else if (ops::bestIsa() == ops::Isa::avx512bf16) {
      measurePeak(options, cores, "bfloat16", ops::multiplyPairs, kRounds);
    }
  }
  if (options.memory) {
    measureMemory(options, cores, "DRAM", std::size_t{256} << 20, 1);
    const auto lastLevel = static_cast<std::size_t>(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)));
    const auto own = static_cast<std::size_t>(ownCacheBytes());
    const std::size_t part = lastLevel / 4 / cores.size();
    if (part > 2 * own) measureMemory(options, cores, "L3", part, 40);
    measureMemory(options, cores, "L2", own / 2, 400);
  }
}

int usage() {
  std::fprintf(stderr, "Expected: kernel_bench [--peak] [--memory] [--threads N] [--repetitions N]\n");
  return 2;
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--peak") {
      options.peak = true;
    } else if (argument == "--memory") {
      options.memory = true;
    } else if ((argument == "--threads" || argument == "--repetitions") && i + 1 < argc) {
      const int count = std::atoi(argv[++i]);
      if (count < 1) return usage();
      (argument == "--threads" ? options.threads : options.repetitions) = count;
    } else {
      return usage();
    }
  }
  if (!options.peak && !options.memory) options.peak = options.memory = true;
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

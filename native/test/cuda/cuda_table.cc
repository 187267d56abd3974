#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "table.h"

namespace loratwin::test {

namespace {

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

bool allOk = true;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
  }
  return result;
}

void report(const std::string& op, const std::string& caseName, const char* schedule, double error, double tolerance,
            const std::string& message) {
  const bool ok = message.empty() && error <= tolerance;
  allOk = allOk && ok;
  char number[32] = "null";
  if (std::isfinite(error)) std::snprintf(number, sizeof number, "%.3g", error);
  std::printf("{\"op\":\"%s\",\"case\":\"%s\",\"schedule\":\"%s\",\"error\":%s,\"tolerance\":%.3g,\"ok\":%s%s%s%s}\n",
              op.c_str(), caseName.c_str(), schedule, number, tolerance, ok ? "true" : "false",
              message.empty() ? "" : ",\"message\":\"", escaped(message).c_str(), message.empty() ? "" : "\"");
  std::fflush(stdout);
}

double nmse(const Output& output) {
  if (output.got.size() != output.expected.size()) return INFINITY;
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < output.got.size(); ++i) {
    const double difference = output.got[i] - output.expected[i];
    error += difference * difference;
    size += output.expected[i] * output.expected[i];
  }
  return error == 0 ? 0 : size == 0 ? INFINITY : error / size;
}

bool sameBytes(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

}  // namespace

std::vector<float> randomFloats(std::size_t count, std::uint32_t seed, float spread) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-spread, spread);
  std::vector<float> values(count);
  for (float& value : values) value = uniform(random);
  return values;
}

std::vector<Bf16> randomBf16(std::size_t count, std::uint32_t seed, float spread) {
  std::vector<Bf16> values;
  for (const float value : randomFloats(count, seed, spread)) values.push_back(ops::toBf16(value));
  return values;
}

void judge(const std::string& caseName, const Run& run) {
  std::vector<Output> first;
  for (const Setting& setting : kSettings) {
    emulation::options.schedule = setting.schedule;
    emulation::options.seed = setting.seed;
    emulation::options.fill = setting.fill;
    try {
      const std::vector<Output> outputs = run();
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const bool same = first.empty() || sameBytes(outputs[i].got, first[i].got);
        report(outputs[i].op, caseName, setting.name, nmse(outputs[i]), outputs[i].tolerance,
               same ? "" : "other bytes than under the first schedule");
      }
      if (first.empty()) first = outputs;
    } catch (const emulation::Error& error) {
      const std::string message = error.what();
      report(message.substr(0, message.find(':')), caseName, setting.name, INFINITY, 0, message);
    }
  }
}

int runCudaTable(const std::string& onlyGroup) {
  struct Group {
    const char* name;
    void (*run)();
  };
  constexpr Group kGroups[] = {{"elementwise", elementwiseCases},
                               {"optimizer", optimizerCases},
                               {"lora", loraCases},
                               {"cross_entropy", crossEntropyCases},
                               {"attention", attentionCases}};
  for (const Group& group : kGroups) {
    if (onlyGroup.empty() || onlyGroup == group.name) group.run();
  }
  const emulation::Counters& c = emulation::counters;
  std::printf("{\"launches\":%llu,\"mma\":%llu,\"ldmatrix\":%llu,\"bankConflicts\":%llu,\"checked\":%s}\n",
              static_cast<unsigned long long>(c.launches), static_cast<unsigned long long>(c.mma),
              static_cast<unsigned long long>(c.ldmatrix), static_cast<unsigned long long>(c.bankConflicts),
              emulation::checking() ? "true" : "false");
  return allOk ? 0 : 1;
}

}  // namespace loratwin::test

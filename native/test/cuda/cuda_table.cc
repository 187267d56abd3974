#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "table.h"

namespace loratwin::test {

namespace {

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
    apply(setting);
    try {
      const std::vector<Output> outputs = run();
      finishRun();
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const bool same = first.empty() || sameBytes(outputs[i].got, first[i].got);
        report(outputs[i].op, caseName, setting.name, nmse(outputs[i]), outputs[i].tolerance,
               same ? "" : "other bytes than under the first schedule");
      }
      if (first.empty()) first = outputs;
    } catch (const std::runtime_error& error) {
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
                               {"magnitudes", magnitudeCases},
                               {"tokens", tokenCases},
                               {"optimizer", optimizerCases},
                               {"lora", loraCases},
                               {"cross_entropy", crossEntropyCases},
                               {"attention", attentionCases},
                               {"quantized", quantizedCases},
                               {"plain", plainCases},
                               {"cached", cachedCases},
                               {"preference", comparedCases},
                               {"experts", expertCases}};
  for (const Group& group : kGroups) {
    if (onlyGroup.empty() || onlyGroup == group.name) group.run();
  }
  std::printf("%s\n", deviceLine().c_str());
  return allOk ? 0 : 1;
}

}  // namespace loratwin::test

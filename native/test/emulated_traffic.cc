// What the emulation counts of kernels whose accesses are known.
#include <vector>

#include "emulation/emulation.h"
#include "emulation/traffic.h"
#include "promises.h"
#include "traffic_kernels.h"

namespace {

using namespace loratwin;
using emulation::DeviceBuffer;
using emulation::LaunchTraffic;
using ops::Bf16;
using test::allKept;
using test::expect;

// Of the only launch since the last call.
LaunchTraffic counts() {
  const std::vector<LaunchTraffic> launches = emulation::takeTraffic();
  return launches.size() == 1 ? launches[0] : LaunchTraffic{};
}

struct Global {
  std::uint64_t read, readAgain, written, writtenAgain;
};
bool moved(const LaunchTraffic& t, const Global& expected) {
  return t.name == "test" && t.readBytes == expected.read && t.readAgainBytes == expected.readAgain &&
         t.writtenBytes == expected.written && t.writtenAgainBytes == expected.writtenAgain;
}
bool moved(const Global& expected) { return moved(counts(), expected); }
bool took(const LaunchTraffic& t, std::uint64_t cycles, std::uint64_t conflicts) {
  return t.sharedCycles == cycles && t.sharedConflicts == conflicts;
}
bool took(std::uint64_t cycles, std::uint64_t conflicts) { return took(counts(), cycles, conflicts); }

}  // namespace

int main() {
  const DeviceBuffer<float> floats(std::vector<float>(1024, 1.0F), "floats");
  const DeviceBuffer<Bf16> halves(std::vector<Bf16>(256, Bf16{0}), "halves");
  const DeviceBuffer<float> result(1024, "result");
  const float* const x = floats.data();
  float* const y = result.data();

  test::copyFloats(x, y, 4);
  expect("nothing is counted unless it is asked for", emulation::takeTraffic().empty());
  emulation::countTraffic(true);

  test::copyFloats(x, y, 4);
  expect("a copy reads and writes each byte once", moved({4096, 0, 4096, 0}));
  test::sumRow(x, y, 1, 2);
  expect("a row that is read twice is read again", moved({256, 128, 128, 0}));
  test::sumRow(x, y, 2, 1);
  expect("a row that two blocks read is read again", moved({256, 128, 256, 0}));
  test::sumRow(x, y, 1, 1);
  expect("the next launch reads it for the first time", moved({128, 0, 128, 0}));
  test::gatherStrided(x, y);
  expect("lanes that want a float of different sectors move all of each", moved({1024, 0, 128, 0}));
  test::sumDivergent(x, y);
  expect("a turn that half of the lanes take moves what these want", moved({192, 0, 128, 0}));
  test::writeHalves(y);
  expect("sectors that are written in halves are written again", moved({0, 0, 2048, 1024}));

  test::storeShared(1);
  expect("neighbours in shared memory take a cycle", took(1, 0));
  test::storeShared(32);
  expect("with a stride of 32 words all lanes wait for one bank", took(32, 31));
  test::storeShared(31);
  expect("with an odd stride none waits", took(1, 0));
  test::loadBroadcast(y);
  expect("a word for all lanes takes a cycle", took(1 + 1, 0));  // the first stores it
  test::storeSharedPairs();
  expect("8 bytes a lane take two cycles", took(2, 0));
  test::storeSharedVectors(4);
  expect("16 bytes a lane take four cycles", took(4, 0));
  test::storeSharedVectors(8);
  expect("16 bytes of every 32 take twice as many", took(8, 4));

  test::copyPieces(halves.data(), 32);
  const LaunchTraffic whole = counts();
  expect("cp.async reads once and takes the cycles of 16 bytes a lane",
         moved(whole, {512, 0, 0, 0}) && took(whole, 4, 0));
  test::copyPieces(halves.data(), 2);
  const LaunchTraffic part = counts();
  expect("cp.async of zeros reads nothing", moved(part, {32, 0, 0, 0}) && took(part, 4, 0));
  test::loadMatrices(y, 8);
  expect("ldmatrix of neighbouring rows takes a cycle a matrix", took(64 + 4, 0));
  test::loadMatrices(y, 64);
  expect("ldmatrix of rows 128 bytes apart finds one bank eight times", took(64 + 32, 28));
  return allKept ? 0 : 1;
}

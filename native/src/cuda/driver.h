// What a CUDA device needs of CUDA beside launches, as few plain functions. Two implementations: driver_cudart.cc calls
// the CUDA runtime, linked statically, which itself loads the driver, so that an addon built with it loads on a machine
// without one; driver_emulated.cc has memory and streams of the emulation.
//
// Streams and events are opaque. Everything but deviceCount() throws std::runtime_error with CUDA's own text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace loratwin::cuda {

struct DeviceFacts {
  std::string name;
  std::size_t memoryBytes;
  int computeMajor;
  int computeMinor;
};

// 0 without a driver or a GPU.
int deviceCount();
// Why deviceCount() is 0.
std::string whyNoDevices();
DeviceFacts deviceFacts(int device);
// No other GPU of any machine has it.
std::string deviceUuid(int device);
// For the calls of this thread that follow. The process has a context on it from then on, which takes some of its
// memory.
void useDevice(int device);
// Copies from the device in use to others go straight where the machine can do that.
void reachPeers(int device);

// Of the device in use, now.
std::size_t freeBytes();
// Null when the device has not so much left. `name` is for the emulation: its reports have it, and zeros count as
// written there only in what is called kZeroedName, since anywhere else a later run finds what an earlier one left.
void* allocate(std::size_t bytes, const char* name);
constexpr const char* kZeroedName = "adapters";
void release(void* memory) noexcept;
// Host memory that copies do not have to stage.
void* allocatePinned(std::size_t bytes);
void releasePinned(void* memory) noexcept;

void* createStream();
void destroyStream(void* stream) noexcept;
void synchronize(void* stream);
// Between any two memories, of the host or of devices.
void copyAsync(void* to, const void* from, std::size_t bytes, void* stream);
void zeroAsync(void* to, std::size_t bytes, void* stream);

// From beginCapture() to endCapture(), launches, products and copies that this thread gives to the stream are noted and
// not done; the stream's events, waits for it and copies of another thread are not for that time. A graph does what was
// noted, in order, on the addresses and values that were given, each time it is launched.
void beginCapture(void* stream);
struct CapturedGraph {
  void* graph;
  std::size_t nodes;  // launches, copies and whatever else was noted
};
// Capture has ended also when it throws, because something could not be noted.
CapturedGraph endCapture(void* stream);
void abandonCapture(void* stream) noexcept;
// Gives the graph what it needs of the device's memory, and waits for the stream. Without it that is taken when the
// graph is launched first, and freeBytes() has it until then.
void uploadGraph(void* graph, void* stream);
void launchGraph(void* graph, void* stream);
// Launches of it that are under way are done to their end.
void destroyGraph(void* graph) noexcept;

void* createEvent();
void destroyEvent(void* event) noexcept;
void record(void* event, void* stream);
// Work that is given to the stream from now on waits for the event as last recorded.
void waitEvent(void* stream, void* event);
void synchronizeEvent(void* event);
// Of the device's clock, between two events of one device that have come true.
std::int64_t elapsedNs(void* from, void* to);

}  // namespace loratwin::cuda

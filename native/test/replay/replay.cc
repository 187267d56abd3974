#include "replay/replay.h"

#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "bind/given.h"
#include "bind/rows.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/errors.h"

namespace loratwin::test {

namespace {

using Kind = Value::Kind;
constexpr std::int64_t kMostWhole = (std::int64_t{1} << 53) - 1;

const Value& argument(const Call& call, std::size_t index, Kind kind) {
  if (index >= call.arguments.size() || call.arguments[index].kind != kind) {
    throw ArgumentError("an argument of its kind", call.name, std::to_string(index));
  }
  return call.arguments[index];
}

std::int64_t whole(const Value& value, std::int64_t least = -kMostWhole) {
  if (value.kind != Kind::number) throw ArgumentError("a whole number", "argument", "something else");
  return bind::within(value.number, least, kMostWhole, "argument");
}
std::int64_t whole(const Call& call, std::size_t index) { return whole(argument(call, index, Kind::number)); }
std::size_t size(const Call& call, std::size_t index) {
  return static_cast<std::size_t>(whole(argument(call, index, Kind::number), 0));
}
std::int32_t whole32(const Call& call, std::size_t index) {
  return static_cast<std::int32_t>(
      bind::within(argument(call, index, Kind::number).number, 0, (std::int64_t{1} << 31) - 1, call.name));
}
const std::string& text(const Call& call, std::size_t index) { return argument(call, index, Kind::text).text; }
bool flag(const Call& call, std::size_t index) { return argument(call, index, Kind::flag).number != 0; }

template <class Element>
std::vector<Element> array(const Value& value, Kind kind) {
  if (value.kind == Kind::nothing) return {};
  if (value.kind != kind) throw ArgumentError("an array of its kind", "argument", "something else");
  std::vector<Element> result(value.bytes.size() / sizeof(Element));
  if (!result.empty()) std::memcpy(result.data(), value.bytes.data(), result.size() * sizeof(Element));
  return result;
}

template <class Record>
std::vector<bind::Row<Record>> rows(const Value& value, const char* at) {
  const std::vector<double> numbers = array<double>(value, Kind::doubles);
  return bind::rows<Record>({numbers.data(), numbers.size(), at});
}

std::vector<std::int64_t> wholeNumbers(const Value& value) {
  std::vector<std::int64_t> result;
  for (const Value& item : value.items) result.push_back(whole(item));
  return result;
}

// What a weight's bytes are read as; the bytes live in the call.
WeightData weights(const Value& value) {
  if (value.kind == Kind::bits) return {value.bytes.data(), value.bytes.size() / 2, ops::DType::bfloat16};
  if (value.kind != Kind::floats) throw ArgumentError("a Float32Array", "data", "something else");
  return {value.bytes.data(), value.bytes.size() / 4, ops::DType::float32};
}

ops::DType dtype(const std::string& name) {
  if (name == "float32") return ops::DType::float32;
  if (name == "bfloat16") return ops::DType::bfloat16;
  throw ArgumentError("float32 or bfloat16", "dtype", name);
}

MatrixSource matrixSource(const Call& call) {
  const std::string& name = text(call, 6);
  std::optional<ops::Quantization> quantization;
  if (name == "int8") quantization = ops::Quantization::int8;
  if (name == "nf4") quantization = ops::Quantization::nf4;
  if (call.arguments.size() < 5) throw ArgumentError("data", call.name, "nothing");
  return {text(call, 1),
          whole32(call, 2),
          whole32(call, 3),
          weights(call.arguments[4]),
          quantization ? ops::DType::bfloat16 : dtype(name),
          flag(call, 5),
          quantization,
          text(call, 7),
          whole32(call, 8),
          flag(call, 9)};
}

void addField(RawOperator& raw, const std::string& name, const Value& field) {
  switch (field.kind) {
    case Kind::number:
      raw.fields[name] = field.number;
      return;
    case Kind::flag:
      raw.fields[name] = field.number != 0;
      return;
    case Kind::text:
      raw.fields[name] = field.text;
      return;
    case Kind::list:
      for (std::size_t i = 0; i < field.items.size(); i++) {
        for (const auto& [part, value] : field.items[i].fields) {
          addField(raw, name + "[" + std::to_string(i) + "]." + part, value);
        }
      }
      return;
    case Kind::object: {
      Tensor tensor;
      for (const auto& [part, value] : field.fields) {
        if (part == "offset") tensor.offset = static_cast<std::size_t>(whole(value, 0));
        for (int space = 0; part == "space" && space < kSpaces; space++) {
          if (value.text == spaceName(static_cast<Space>(space))) tensor.space = static_cast<Space>(space);
        }
      }
      raw.fields[name] = tensor;
      return;
    }
    default:
      throw ArgumentError("a field", name, "something else");
  }
}

std::vector<RawOperator> operators(const Value& list) {
  std::vector<RawOperator> result;
  for (const Value& item : list.items) {
    RawOperator raw;
    for (const auto& [name, value] : item.fields) {
      if (name == "op") {
        raw.name = value.text;
      } else {
        addField(raw, name, value);
      }
    }
    result.push_back(std::move(raw));
  }
  return result;
}

bind::GivenBindings bindings(const Value& from) {
  bind::GivenBindings result;
  for (const auto& [name, value] : from.fields) {
    Bindings& data = result.data;
    if (name == "run") {
      const std::vector<double> run = array<double>(value, Kind::doubles);
      bind::placeRun(bind::row<bind::record::Run>({run.data(), run.size(), "run"}), data);
    }
    if (name == "ids") data.ids = array<std::int32_t>(value, Kind::integers);
    if (name == "targets") data.targets = array<std::int32_t>(value, Kind::integers);
    if (name == "sequences") data.sequences = array<std::int32_t>(value, Kind::integers);
    if (name == "rowKeys") data.rowKeys = array<std::int32_t>(value, Kind::integers);
    if (name == "logitRows") data.logitRows = array<std::int32_t>(value, Kind::integers);
    if (name == "segments") result.segments = rows<bind::record::Segment>(value, "segments");
    if (name == "losses") result.losses = rows<bind::record::LossPart>(value, "losses");
    if (name == "caches") result.caches = rows<bind::record::CachedRows>(value, "caches");
    if (name == "preferences") result.preferences = rows<bind::record::Preference>(value, "preferences");
    if (name == "sumSquares") result.sumSquares = rows<bind::record::SumSquares>(value, "sumSquares");
    if (name == "profile") data.profile = value.number != 0;
  }
  return result;
}

TaskHead head(const Call& call) {
  return {whole(call, 1), wholeNumbers(argument(call, 2, Kind::list)), whole(call, 3)};
}

AdapterPart part(const std::string& name) {
  if (name == "parameters") return AdapterPart::parameters;
  if (name == "gradients") return AdapterPart::gradients;
  return name == "firstMoment" ? AdapterPart::firstMoment : AdapterPart::secondMoment;
}

}  // namespace

bool comesTooEarly(const ArgumentError& error) {
  return error.expected.find("pending") != std::string::npos ||
         error.expected.find("has been signalled") != std::string::npos;
}

Replay::~Replay() {
  for (const auto& device : devices_) device->stop();
}

Runtime& Replay::runtime(const Call& call) const {
  const auto index = static_cast<std::size_t>(argument(call, 0, Kind::runtime).number);
  if (index >= runtimes_.size()) throw ArgumentError("a runtime", call.name, std::to_string(index));
  return *runtimes_[index].runtime;
}

Device& Replay::device(const Call& call, std::size_t which) const {
  const auto index = static_cast<std::size_t>(argument(call, which, Kind::device).number);
  if (index >= devices_.size()) throw ArgumentError("a device", call.name, std::to_string(index));
  return *devices_[index];
}

void Replay::createDevice(const Call& call) {
  Runtime& owner = runtime(call);
  const std::size_t wanted = argument(call, 2, Kind::list).items.size();
  const std::vector<int> cores(cores_.begin(),
                               cores_.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, cores_.size())));
  for (const OneRuntime& each : runtimes_) {
    if (each.runtime.get() == &owner) {
      devices_.push_back(std::make_shared<CpuDevice>(each.runtime, text(call, 1), cores));
      return;
    }
  }
}

void Replay::load(const Call& call) {
  Device& to = device(call);
  if (call.name == "loadVector") {
    const std::vector<float> data = array<float>(argument(call, 1, Kind::floats), Kind::floats);
    to.loadVector(data.data(), data.size(), text(call, 2));
  } else if (call.name == "loadTable") {
    if (call.arguments.size() < 4) throw ArgumentError("data", call.name, "nothing");
    to.loadTable(whole32(call, 1), whole32(call, 2), weights(call.arguments[3]), dtype(text(call, 4)), text(call, 5));
  } else if (call.name == "loadMatrix") {
    to.loadMatrix(matrixSource(call));
  } else if (call.name == "shareWeights") {
    const std::string& key = text(call, 2);
    if (text(call, 1) == "matrix") to.shareMatrix(key);
    if (text(call, 1) == "vector") to.shareVector(key);
    if (text(call, 1) == "table") to.shareTable(key);
  } else {
    const MatrixSource source = matrixSource(call);
    to.startAside("packMatrix");
    std::thread([&] { to.runAside([&] { to.pack(source); }); }).join();
    to.endAside();
    to.keepPacked(source.sharedAs);
  }
}

void Replay::touchAdapter(const Call& call) {
  Device& to = device(call);
  const auto adapter = to.adapter(whole(call, 1));
  const AdapterPart which = part(text(call, 2));
  if (call.name == "readAdapter") {
    std::vector<float> values(adapter->elements());
    to.readAdapter(*adapter, which, values.data());
    return;
  }
  const std::vector<float> values = array<float>(argument(call, 3, Kind::floats), Kind::floats);
  if (values.size() != adapter->elements()) throw ArgumentError("its elements", "writeAdapter.data", "others");
  to.writeAdapter(*adapter, which, values.data());
}

void Replay::touchArena(const Call& call) {
  Device& to = device(call);
  if (call.name == "reserveArena") {
    to.reserveArena(size(call, 1));
  } else if (call.name == "prepareArena") {
    const std::size_t bytes = size(call, 1);
    to.startAside("prepareArena");
    std::thread([&] { to.runAside([&] { to.replaceArena(bytes); }); }).join();
    to.endAside();
  } else if (call.name == "writeArena") {
    const std::vector<float> values = array<float>(argument(call, 2, Kind::floats), Kind::floats);
    to.writeArena(size(call, 1), values.data(), values.size() * sizeof(float));
  } else {
    const std::size_t count = size(call, 2);
    to.requireArena(size(call, 1), count * sizeof(float));
    std::vector<float> values(count);
    to.readArena(values.data(), size(call, 1), count * sizeof(float));
  }
}

void Replay::enqueue(const Call& call) {
  Device& to = device(call);
  const TaskHead task = head(call);
  if (call.name == "enqueueRun") {
    to.enqueueRun(task, whole(call, 4), bind::bound(to, bindings(argument(call, 5, Kind::object))));
  } else if (call.name == "enqueueUpdate") {
    std::vector<std::vector<std::int64_t>> cells;
    for (const Value& list : argument(call, 5, Kind::list).items) cells.push_back(wholeNumbers(list));
    const auto items = rows<bind::record::UpdateItem>(argument(call, 4, Kind::doubles), "items");
    to.enqueueUpdate(task, bind::bound(to, items, cells));
  } else if (call.name == "enqueueSend") {
    to.enqueueSend(task, size(call, 4), size(call, 5), device(call, 6), size(call, 7));
  } else {
    to.enqueueUpload(task, array<float>(argument(call, 4, Kind::floats), Kind::floats), size(call, 5));
  }
  enqueued_++;
}

void Replay::make(const Call& call) {
  const std::string& name = call.name;
  if (name == "createRuntime") {
    runtimes_.push_back({std::make_shared<Runtime>([] {}), {}});
  } else if (name == "disposeRuntime") {
    for (const auto& each : devices_) {
      if (&each->runtime() == &runtime(call)) each->stop();
    }
  } else if (name == "drained") {
    awaitEnds(call);
  } else if (name == "createEvents") {
    runtime(call).createEvents(whole(call, 1));
  } else if (name == "renewEvents") {
    runtime(call).renewEvents(wholeNumbers(argument(call, 1, Kind::list)));
  } else if (name == "createNormCells") {
    runtime(call).createNormCells(whole(call, 1));
  } else if (name == "signal") {
    Runtime& owner = runtime(call);
    owner.signal(*owner.claimSignal(whole(call, 1)));
  } else if (name == "createDevice") {
    createDevice(call);
  } else if (name == "disposeDevice") {
    device(call).stop();
  } else if (name == "createAdapter") {
    const auto given = rows<bind::record::AdapterEntry>(argument(call, 1, Kind::doubles), "createAdapter");
    const auto tokens = array<std::int32_t>(argument(call, 3, Kind::integers), Kind::integers);
    device(call).createAdapter(bind::entries(given, tokens), bind::magnitudeSources(given), flag(call, 2));
  } else if (name == "releaseAdapter") {
    device(call).releaseAdapter(whole(call, 1));
  } else if (name == "readAdapter" || name == "writeAdapter") {
    touchAdapter(call);
  } else if (name == "createProgram") {
    device(call).createProgram(operators(argument(call, 1, Kind::list)));
  } else if (name == "sampleSpeed") {
    device(call).sampleSpeed(dtype(text(call, 1)), whole(argument(call, 2, Kind::number), 1));
  } else if (name.starts_with("enqueue")) {
    enqueue(call);
  } else if (name.ends_with("Arena")) {
    touchArena(call);
  } else {
    load(call);
  }
}

void Replay::drain() {
  for (std::size_t i = 0; i < runtimes_.size(); i++) {
    const Runtime::Batch batch = runtimes_[i].runtime->drain();
    completed_ += batch.completions.size();
    for (const Completion& done : batch.completions) {
      ends_[std::to_string(i) + " " + done.device + " " + done.stream]++;
      if (!done.losses) continue;
      for (const double loss : *done.losses) losses_ += loss;
    }
    for (const Failure& failure : batch.failures) failures_.push_back(failure.step + ": " + failure.message);
  }
}

void Replay::awaitEnds(const Call& call) {
  const std::string key =
      std::to_string(static_cast<std::size_t>(argument(call, 0, Kind::runtime).number)) + " " + text(call, 1);
  const std::size_t wanted = size(call, 2);
  for (int waited = 0; ends_[key] < wanted && failures_.empty(); waited++) {
    if (waited >= patienceMs_) {
      // Nothing is waited for any more: what comes late now depends on what does not come.
      patienceMs_ = 0;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    drain();
  }
}

std::vector<std::string> Replay::settle(int patienceMs) {
  std::size_t seen = completed_;
  for (int waited = 0; waited < patienceMs; waited++) {
    drain();
    if (completed_ == enqueued_ || !failures_.empty()) break;
    if (completed_ != seen) waited = 0;
    seen = completed_;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return failures_;
}

}  // namespace loratwin::test

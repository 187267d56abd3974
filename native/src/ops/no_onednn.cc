// A build without oneDNN: it serves nothing, so every weight is packed for matmul_panels.h, and the rest is not called.
#include <stdexcept>

#include "onednn.h"

namespace loratwin::ops {

struct OnednnEngine::Impl {};
struct OnednnMatrix::Impl {};

namespace {
[[noreturn]] void missing() { throw std::logic_error("this build has no oneDNN"); }
}  // namespace

std::string onednnVersion() { return "none"; }
bool onednnServes(DType, Layout) { return false; }

OnednnEngine::OnednnEngine(int) : impl_(std::make_unique<Impl>()) {}
OnednnEngine::~OnednnEngine() = default;
void OnednnEngine::reserve(DType) { missing(); }
std::size_t OnednnEngine::scratchBytes() const { return 0; }
std::size_t OnednnEngine::primitives() const { return 0; }

OnednnMatrix::OnednnMatrix(const OnednnEngine&, const OnednnSource&) { missing(); }
OnednnMatrix::OnednnMatrix(const OnednnEngine&, const OnednnMatrix&) { missing(); }
OnednnMatrix::~OnednnMatrix() = default;
std::size_t OnednnMatrix::bytes() const { missing(); }
std::int64_t OnednnMatrix::parts() const { missing(); }

void prepareOnednn(OnednnEngine&, const RightOperand&, const Product&, std::int64_t) { missing(); }
void prepareOnednnBlocks(OnednnEngine&, const RightOperand&, const Product&) { missing(); }
void executeOnednn(OnednnEngine&, const RightOperand&, const Product&, std::int64_t, std::int64_t, int, void*) {
  missing();
}

}  // namespace loratwin::ops

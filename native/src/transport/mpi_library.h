// The one symbol of loratwin_mpi.so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "transport/world.h"

namespace loratwin {

using JoinMpi = void (*)(std::int64_t silenceNs, std::function<void()> notify, std::shared_ptr<World>& joined);
constexpr const char* kJoinMpi = "loratwinJoinMpi";

}  // namespace loratwin

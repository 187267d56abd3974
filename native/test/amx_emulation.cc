// Carries out the instructions of AMX-TILE and AMX-BF16 on a processor that has none of them: each raises SIGILL, whose
// handler reads the instruction, does what it does and goes on behind it. Linked in the place of tile_permission.cc.
// What the processor would refuse ends the program: tiles without a configuration, operands whose shapes do not fit.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2 (VEX; LDTILECFG and others)
#include <signal.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ops/bf16.h"
#include "ops/isa.h"
#include "ops/tile_configuration.h"

namespace loratwin::ops {

namespace {

struct Tiles {
  TileConfiguration configuration{.palette = 0};
  unsigned char bytes[8][16][64];
};
thread_local Tiles tiles;

[[noreturn]] void refuse(const char* what) {
  static_cast<void>(!write(STDERR_FILENO, what, std::strlen(what)));
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  std::abort();
}

class Instruction {
 public:
  explicit Instruction(ucontext_t* context)
      : context_(context), at_(reinterpret_cast<const std::uint8_t*>(registerAt(REG_RIP))) {}

  void carryOut() {
    // Three bytes of VEX: map 0F38, W0, 128 bits.
    if (at_[0] != 0xc4 || (at_[1] & 0x1f) != 2 || (at_[2] & 0x84) != 0) refuse("Expected an instruction of AMX in VEX");
    prefix_ = at_[2] & 3;
    modrm_ = at_[4];
    switch (at_[3]) {
      case 0x49:
        return configure();
      case 0x4b:
        return move();
      case 0x5c:
        return multiply();
      default:
        refuse("Expected an instruction of AMX");
    }
  }

 private:
  static constexpr int kPrefixF3 = 2;
  static constexpr int kPrefixF2 = 3;

  greg_t& registerAt(int name) const { return context_->uc_mcontext.gregs[name]; }
  std::int64_t general(int number) const {
    constexpr int names[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registerAt(names[number]);
  }
  // R, X and B of VEX are inverted.
  int extended(int bits, int shift) const { return bits | ((at_[1] >> shift & 1) != 0 ? 0 : 8); }
  int reg() const { return modrm_ >> 3 & 7; }
  void goOn(int length) const { registerAt(REG_RIP) += length; }

  struct Address {
    std::int64_t base;
    std::int64_t index;  // scaled
    int length;          // of the instruction
  };
  Address address() const {
    const int mode = modrm_ >> 6;
    const std::uint8_t* next = at_ + 5;
    Address address{0, 0, 0};
    int base = modrm_ & 7;
    bool hasBase = true;
    if (base == 4) {
      const std::uint8_t sib = *next++;
      const int index = extended(sib >> 3 & 7, 6);
      if (index != 4) address.index = general(index) << (sib >> 6);
      base = sib & 7;
      hasBase = base != 5 || mode != 0;
    } else if (base == 5 && mode == 0) {
      refuse("Expected an address in registers");
    }
    if (hasBase) address.base = general(extended(base, 5));
    std::int32_t offset = 0;
    if (mode == 1) {
      offset = static_cast<std::int8_t>(*next++);
    } else if (mode == 2 || !hasBase) {
      std::memcpy(&offset, next, sizeof offset);
      next += sizeof offset;
    }
    address.base += offset;
    address.length = static_cast<int>(next - at_);
    return address;
  }

  const TileConfiguration& configured() const {
    if (tiles.configuration.palette != 1) refuse("Expected tiles that are configured");
    return tiles.configuration;
  }

  void configure() const {
    const bool isMemory = modrm_ >> 6 != 3;
    if (isMemory && prefix_ == 0) {  // ldtilecfg
      const Address from = address();
      std::memset(tiles.bytes, 0, sizeof tiles.bytes);
      std::memcpy(&tiles.configuration, reinterpret_cast<const void*>(from.base + from.index), 64);
      for (int tile = 0; tile < 16; ++tile) {
        const int rows = tiles.configuration.rows[tile];
        const int rowBytes = tiles.configuration.rowBytes[tile];
        if (rows > 16 || rowBytes > 64 || (tile >= 8 && rows + rowBytes > 0) || (rows == 0) != (rowBytes == 0))
          refuse("Expected tiles of at most 16 rows of 64 bytes");
      }
      return goOn(from.length);
    }
    if (isMemory) refuse("Expected ldtilecfg");
    if (prefix_ == 0 && modrm_ == 0xc0) {  // tilerelease
      tiles.configuration.palette = 0;
    } else if (prefix_ == kPrefixF2) {  // tilezero
      configured();
      std::memset(tiles.bytes[reg()], 0, sizeof tiles.bytes[0]);
    } else {
      refuse("Expected tilerelease or tilezero");
    }
    goOn(5);
  }

  // tileloadd, tilestored
  void move() const {
    const TileConfiguration& shape = configured();
    const Address first = address();
    const int tile = reg();
    if (prefix_ == kPrefixF2) std::memset(tiles.bytes[tile], 0, sizeof tiles.bytes[tile]);
    for (int row = 0; row < shape.rows[tile]; ++row) {
      auto* const memory = reinterpret_cast<unsigned char*>(first.base + row * first.index);
      if (prefix_ == kPrefixF2) {
        std::memcpy(tiles.bytes[tile][row], memory, shape.rowBytes[tile]);
      } else if (prefix_ == kPrefixF3) {
        std::memcpy(memory, tiles.bytes[tile][row], shape.rowBytes[tile]);
      } else {
        refuse("Expected tileloadd or tilestored");
      }
    }
    goOn(first.length);
  }

  static float element(const unsigned char* row, int number) {
    Bf16 narrow;
    std::memcpy(&narrow, row + number * 2, sizeof narrow);
    return toNormalFloat(narrow);
  }

  // tdpbf16ps
  void multiply() const {
    const TileConfiguration& shape = configured();
    const int sums = reg();
    const int left = modrm_ & 7;
    const int right = ~(at_[2] >> 3) & 15;
    if (prefix_ != kPrefixF3 || modrm_ >> 6 != 3 || right > 7) refuse("Expected tdpbf16ps");
    if (sums == left || sums == right || left == right) refuse("Expected three tiles");
    if (shape.rows[sums] != shape.rows[left] || shape.rowBytes[sums] != shape.rowBytes[right] ||
        shape.rowBytes[left] != 4 * shape.rows[right])
      refuse("Expected operands whose shapes fit");
    for (int m = 0; m < shape.rows[sums]; ++m) {
      for (int n = 0; n < shape.rowBytes[sums] / 4; ++n) {
        float even = 0;
        float odd = 0;
        for (int k = 0; k < shape.rows[right]; ++k) {
          even += element(tiles.bytes[left][m], 2 * k) * element(tiles.bytes[right][k], 2 * n);
          odd += element(tiles.bytes[left][m], 2 * k + 1) * element(tiles.bytes[right][k], 2 * n + 1);
        }
        float sum;
        std::memcpy(&sum, tiles.bytes[sums][m] + 4 * n, sizeof sum);
        sum += even + odd;
        std::memcpy(tiles.bytes[sums][m] + 4 * n, &sum, sizeof sum);
      }
    }
    goOn(5);
  }

  ucontext_t* context_;
  const std::uint8_t* at_;
  int prefix_ = 0;
  std::uint8_t modrm_ = 0;
};

void handle(int, siginfo_t*, void* context) { Instruction(static_cast<ucontext_t*>(context)).carryOut(); }

}  // namespace

bool usableTiles() {
  static const bool installed = [] {
    if (!isSupported(Isa::avx512bf16)) return false;
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGILL, &action, nullptr) == 0;
  }();
  return installed;
}

}  // namespace loratwin::ops

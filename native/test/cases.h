// The tables of cases: model shapes x adapter popularity, on which every operator runs, and for kinds of attention
// heads x lengths of sequences.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace loratwin::test {

struct SegmentCase {
  std::vector<int> sequences;  // lengths; none: an empty segment
  int rank = 0;                // 0: the adapter lacks the target
  float dropout = 0.0F;
  int id = 0;  // position in the whole table row, kept when a segment is run alone
};

struct Case {
  std::string name;
  int hidden;
  int intermediate;
  int heads;
  int kvHeads;
  int headDim;
  int vocabulary;
  std::vector<SegmentCase> segments;

  int rows() const {
    int sum = 0;
    for (const SegmentCase& segment : segments) sum += rowsOf(segment);
    return sum;
  }
  static int rowsOf(const SegmentCase& segment) {
    int sum = 0;
    for (const int length : segment.sequences) sum += length;
    return sum;
  }
};

inline std::vector<Case> numbered(std::vector<Case> table) {
  for (Case& row : table) {
    for (std::size_t g = 0; g < row.segments.size(); ++g) row.segments[g].id = static_cast<int>(g);
  }
  return table;
}

inline std::vector<Case> caseTable() {
  std::vector<Case> table = {
      {"one adapter", 64, 172, 8, 4, 8, 97, {{{17, 30}, 4}}},
      {"one token", 64, 172, 8, 4, 8, 512, {{{1}, 8}}},
      {"equal adapters", 96, 256, 6, 2, 16, 64, {{{32, 32}, 8}, {{32, 32}, 8}, {{32, 32}, 8}, {{32, 32}, 8}}},
      {"skewed adapters", 128, 344, 2, 1, 64, 211, {{{130, 61}, 16}, {{7}, 2}, {{1}, 64}, {{3, 5}, 3}}},
      {"one-row segments", 64, 172, 8, 4, 8, 50, {{{1}, 1}, {{1}, 5}, {{1}, 8}, {{1}, 17}, {{1}, 64}}},
      {"empty segments", 64, 172, 8, 8, 8, 50, {{{}, 4}, {{9}, 4}, {{}, 16}, {{4, 0, 6}, 2}, {{}, 1}}},
      {"a segment without the target", 64, 172, 8, 2, 8, 50, {{{11}, 4}, {{20}, 0}, {{13}, 6}}},
      {"odd sizes", 100, 172, 5, 5, 20, 33, {{{19, 44}, 7}, {{65}, 13}}},
      {"smallest head", 6, 10, 3, 1, 2, 5, {{{3, 2}, 1}, {{70}, 2}}},
      {"ranks past one tile", 300, 172, 3, 1, 36, 40, {{{21}, 64}, {{18}, 70}, {{5}, 33}}},
      {"dropout", 64, 172, 8, 4, 8, 50, {{{23, 14}, 8, 0.5F}, {{31}, 4}, {{70}, 16, 0.05F}}},
      {"dropout on wide rows", 1100, 40, 2, 2, 6, 20, {{{9}, 5, 0.1F}, {{6}, 3, 0.3F}}},
      {"300 tokens, head of 64", 128, 344, 4, 2, 64, 300, {{{300}, 16}, {{129}, 8}}},
      {"2048 tokens", 16, 24, 2, 1, 8, 12, {{{2048}, 2}}},
      {"every rank", 48, 64, 2, 1, 24, 30, {}},
      {"more rows than a block", 32, 40, 2, 1, 16, 30, {{{300, 300, 7}, 4}, {{60}, 2}}},
  };
  for (Case& row : table) {
    if (row.name == "every rank") {
      for (int rank = 1; rank <= 64; rank += 3) row.segments.push_back({{rank % 5 + 1}, rank});
    }
  }
  return numbered(std::move(table));
}

inline std::vector<Case> attentionCases() {
  return numbered({
      {"short sequences", 8, 8, 2, 1, 8, 8, {{{40, 1, 23}}, {{9}}, {{80}}}},
      {"odd lengths, groups of heads", 8, 8, 4, 2, 16, 8, {{{1, 37, 131}}, {{299}}}},
      {"head of 80", 8, 8, 2, 2, 80, 8, {{{65, 7}}, {{273}}}},
      {"head of 256", 8, 8, 2, 1, 256, 8, {{{17}}, {{271}}}},
      {"four tiles of keys", 8, 8, 1, 1, 8, 8, {{{773, 5}}}},
  });
}

}  // namespace loratwin::test

// Kernels whose accesses are known, for emulated_traffic. A block has a warp, that of copyFloats eight.
#pragma once

#include "ops/bf16.h"

namespace loratwin::test {

void copyFloats(const float* x, float* y, unsigned blocks);
// Every block sums the same 32 floats of x, `times` times; y [blocks, 32].
void sumRow(const float* x, float* y, unsigned blocks, int times);
// Every eighth float of x.
void gatherStrided(const float* x, float* y);
// 32 floats for all lanes, then 16 for half of them.
void sumDivergent(const float* x, float* y);
// Each eight floats of y [32, 8] in two stores.
void writeHalves(float* y);
// A float a lane, `stride` floats apart.
void storeShared(int stride);
void loadBroadcast(float* y);
// 16 bytes a lane, `stride` floats apart; 8 bytes a lane.
void storeSharedVectors(int stride);
void storeSharedPairs();
// The first `lanes` pieces of x [32, 8], and zeros.
void copyPieces(const ops::Bf16* x, int lanes);
// ldmatrix of 32 rows that lie `stride` elements apart, after 64 stores of 2 bytes a lane.
void loadMatrices(float* y, int stride);

}  // namespace loratwin::test

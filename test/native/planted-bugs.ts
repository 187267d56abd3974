/** A change to one kernel source that puts a typical mistake in, and how the emulation has to name it. */
export interface PlantedBug {
  readonly name: string;
  /** The file under native/src/cuda that is changed, at the only place where `find` stands. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The kernel file to compile with it; `file` itself unless that is a header. */
  readonly kernel?: string;
  /** The group of cases of cuda_table that has to notice. */
  readonly group: string;
  /** Checked builds see every access; plain ones have guard pages, poison and the references. */
  readonly build: "checked" | "plain";
  /** In the message of at least one case. A race's lines come in this order: the access, then the earlier one. */
  readonly message: RegExp;
}

/** The kernel runs through: its result differs from the reference, or from one schedule or fill to the next. */
const WRONG_RESULT = /^$|^other bytes than under the first schedule$/;

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "a cp.async that nobody waits for",
    file: "tile.h",
    find: "    cpAsyncWait<kStages - 2>();\n",
    replace: "",
    kernel: "lora_xa_dyb.cu",
    group: "lora",
    build: "checked",
    message: /before the wait for its cp\.async\n.*\n.*tile\.h:\d+/,
  },
  {
    name: "a last copy that nobody waits for",
    file: "attention.cu",
    find: "    cpAsyncWait<0>();\n",
    replace: "    cpAsyncWait<1>();\n",
    group: "attention",
    build: "plain",
    message: /attention: .*a thread ends with cp\.async in flight, issued at tile\.h:\d+/,
  },
  {
    name: "no barrier between the copies of a stage and its use",
    file: "tile.h",
    find: "    prepare(step, stage);\n    __syncthreads();\n",
    replace: "    prepare(step, stage);\n",
    kernel: "lora_sb_dsa.cu",
    group: "lora",
    build: "checked",
    message: /lora_sb: .*shared array 'dynamic'.*(which nobody has written|before the wait).*\n.*tile\.h:\d+/,
  },
  {
    name: "no barrier before a stage's room is used again",
    file: "tile.h",
    find: "    product.addStage(stage);\n  }\n  __syncthreads();\n",
    replace: "    product.addStage(stage);\n  }\n",
    kernel: "lora_sb_dsa.cu",
    group: "lora",
    build: "checked",
    message: /race on shared array.*\n.*lora_sb_dsa\.cu:\d+.*\n.*tile\.h:\d+/,
  },
  {
    name: "no barrier before a block's parts are added",
    file: "block_sum.h",
    find: "  __syncthreads();\n",
    replace: "",
    kernel: "sum_squares.cu",
    group: "optimizer",
    build: "checked",
    message: /sum_squares: .*shared array 'part'.*which nobody has written\n.*block_sum\.h:\d+/,
  },
  {
    name: "no __syncwarp between the lanes' stores and the whole rows",
    file: "attention_tiles.h",
    find: "  __syncwarp();\n",
    replace: "",
    kernel: "attention.cu",
    group: "attention",
    build: "checked",
    message: /race on shared array.*\n.*attention_tiles\.h:\d+.*\n.*attention_tiles\.h:\d+/,
  },
  {
    name: "parts of a sum that share one place",
    file: "lora_dsx_dys.cu",
    find: "op.scratch + tile.partial",
    replace: "op.scratch + op.sums[0].partial",
    group: "lora",
    build: "checked",
    message: /race between blocks on device buffer 'scratch'.*\n.*lora_dsx_dys\.cu:\d+.*\n.*lora_dsx_dys\.cu:\d+/,
  },
  {
    name: "chunks of two blocks that overlap",
    file: "adamw.cu",
    find: "* kFlatChunk +",
    replace: "* (kFlatChunk - kChunk) +",
    group: "optimizer",
    build: "checked",
    message: /race between blocks on device buffer.*\n.*\n/,
  },
  {
    name: "B's halves of k and columns exchanged",
    file: "tile.h",
    find: "ldmatrixX4(b, corner + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);",
    replace: "ldmatrixX4(b, corner + (lane % 8 + lane / 8 % 2 * 8) * stride + lane / 16 * 8);",
    kernel: "lora_xa_dyb.cu",
    group: "lora",
    build: "plain",
    message: WRONG_RESULT,
  },
  {
    name: "a sum's columns in the wrong order",
    file: "tile.h",
    find: "return laneOf() % 4 * 2 + i % 2;",
    replace: "return (laneOf() % 4 ^ 1) * 2 + i % 2;",
    kernel: "lora_dsx_dys.cu",
    group: "lora",
    build: "plain",
    message: WRONG_RESULT,
  },
  {
    name: "a mask that lets a query see the next key",
    file: "attention.cu",
    find: "fragmentColumn(i) <= query;",
    replace: "fragmentColumn(i) <= query + 1;",
    group: "attention",
    build: "plain",
    message: WRONG_RESULT,
  },
  {
    name: "one row too many, on guard pages alone",
    file: "embed.cu",
    find: "if (row >= op.rows) return;",
    replace: "if (row > op.rows) return;",
    group: "elementwise",
    build: "plain",
    message: /embed: .*(outside device buffer '(ids|out)'|address 0x)/,
  },
  {
    name: "a whole chunk stored where less is left",
    file: "rope.cu",
    find: "storeChunk(x + half, b, count);",
    replace: "storeChunk(x + half, b, kChunk);",
    group: "elementwise",
    build: "checked",
    message: /rope: .*(race|out of bounds).*'x'.*\n.*rows\.h:\d+/,
  },
  {
    name: "a 16-byte access to rows that are not aligned",
    file: "rows.h",
    find: "if (count >= kChunk && aligned16(from)) {\n    const uint4",
    replace: "if (count >= kChunk) {\n    const uint4",
    kernel: "swiglu.cu",
    group: "elementwise",
    build: "plain",
    message: /swiglu.*access of 16 bytes to an address that is not aligned to them, rows\.h:\d+/,
  },
  {
    name: "a barrier that only one warp reaches",
    file: "cross_entropy.cu",
    find: "part[threadIdx.x / kWarp] = own;\n  __syncthreads();\n",
    replace: "part[threadIdx.x / kWarp] = own;\n  if (threadIdx.x < 32) __syncthreads();\n",
    group: "cross_entropy",
    build: "plain",
    message:
      /__syncthreads that some threads never reach:.*(\n.*)*threads 0-31 at __syncthreads, cross_entropy\.cu:\d+/,
  },
  {
    name: "a shuffle that half of the warp skips",
    file: "rmsnorm.cu",
    find: "const float pull = warpSum(dot)",
    replace: "const float pull = (threadIdx.x % kWarp < 16 ? warpSum(dot) : dot)",
    group: "elementwise",
    build: "plain",
    message:
      /rmsnorm_backward: .*(deadlock|waits for lanes that have finished).*\n *threads 0-15 at a shuffle, simt\.h:\d+/,
  },
  {
    name: "halves of a byte that change places",
    file: "dequantize.cu",
    find: "k % 32 < 16 ? 0 : 4;",
    replace: "k % 32 < 16 ? 4 : 0;",
    group: "quantized",
    build: "plain",
    message: WRONG_RESULT,
  },
  {
    name: "a table that is read before it is filled",
    file: "dequantize.cu",
    find: "    fillTable<0>(table);\n    __syncthreads();\n",
    replace: "    fillTable<0>(table);\n",
    group: "quantized",
    build: "checked",
    message: /dequantize_nf4: .*shared array 'table'.*\n.*dequantize\.cu:\d+/,
  },
  {
    name: "a tail that is never written",
    file: "copy.cu",
    find: "if (first >= count) return;",
    replace: "if (first + kChunk > count) return;",
    group: "elementwise",
    build: "plain",
    message: WRONG_RESULT,
  },
];

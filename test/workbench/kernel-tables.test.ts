import { describe, expect, it } from "vitest";
import { readKernelTimes } from "../../workbench/machine/kernel-tables.ts";

const read = (...lines: readonly string[]) => readKernelTimes(`${lines.join("\n")}\n`, "k.csv");

describe("a table of kernel times", () => {
  it("has products by GPU, of which the same ones become their median", () => {
    const gpus = read(
      "gpu,framework,m,n,k,ms",
      ...["H100 SXM,a,512,4096,1024,0.5", "H100 SXM,b,512,4096,1024,0.7", "L40S,a,512,4096,1024,2"],
    );
    expect([...gpus.keys()]).toEqual(["H100 SXM", "L40S"]);
    expect(gpus.get("H100 SXM")).toEqual({
      products: [{ shape: [512, 4096, 1024], seconds: expect.closeTo(0.0006, 9) }],
      ...{ attention: [], collectives: [], isHeld: false },
    });
  });

  it("leaves windows and frameworks' own collectives out", () => {
    const heading = "gpu,framework,head_dim,heads,kv_heads,window,batch,tokens,ms";
    const attention = read(heading, "L40S,a,128,32,8,0,1,2048,1", "L40S,a,128,32,8,512,1,2048,0.4").get("L40S")!;
    expect(attention.attention).toEqual([
      { heads: 32, kvHeads: 8, headDim: 128, batch: 1, tokens: 2048, seconds: 0.001 },
    ]);
    const collectives = read(
      "gpu,framework,collective,gpus,bytes,ms",
      ...["L40S,NCCL,all_reduce,8,1024,0.1", "L40S,own,all_reduce,8,1024,0.01", "L40S,NCCL,alltoall,2,1024,0.1"],
    ).get("L40S")!.collectives;
    expect(collectives).toEqual([
      { collective: "all-reduce", devices: 8, bytes: 1024, seconds: 0.0001 },
      { collective: "all-to-all", devices: 2, bytes: 1024, seconds: 0.0001 },
    ]);
  });

  it("has all kinds in one file, as the script writes it, and says whether they were held", () => {
    const heading = "gpu,kernel,m,n,k,head_dim,heads,kv_heads,batch,tokens,collective,gpus,bytes,ms,held";
    const gpus = read(
      heading,
      "NVIDIA L4,product,512,4096,1024,,,,,,,,,0.5,1",
      "NVIDIA L4,attention,,,,128,32,8,4,2048,,,,2,1",
      "NVIDIA L4,collective,,,,,,,,,all_gather,2,65536,0.02,1",
    );
    const times = gpus.get("NVIDIA L4")!;
    expect([times.products, times.attention, times.collectives].map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(times.isHeld).toBe(true);
  });

  it("is one of Vidur's too: products of a layer that is split", () => {
    const medians = ["attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj"].map(
      (name) => `time_stats.${name}.median`,
    );
    const gpus = read(
      `${medians.join(",")},n_head,n_kv_head,n_embd,n_expanded_embd,use_gated_mlp,num_tokens,num_tensor_parallel_workers`,
      "7,5,33,17,32,8,4096,14336,True,32768,1",
      "7,5,33,17,32,8,4096,14336,True,512,2",
    );
    const { products } = gpus.get("")!;
    expect(products.map(({ shape }) => shape)).toEqual([
      ...[6144, 4096, 28_672, 4096].map((n, place) => [32_768, n, [4096, 4096, 4096, 14_336][place]]),
      ...[3072, 4096, 14_336, 4096].map((n, place) => [512, n, [4096, 2048, 4096, 7168][place]]),
    ]);
    expect(products[2]!.seconds).toBeCloseTo(0.033, 9);
  });

  it.each([
    ["another table", ["a,b", "1,2"], /a table of kernel times \(CSV\) with the columns m, n, k, ms .*, got "a,b"/],
    [
      "a cell that is no number",
      ["gpu,m,n,k,ms", "x,512,many,4,1"],
      /k\.csv:2: Expected a positive whole number at n, got "many"/,
    ],
    ["half a token", ["gpu,m,n,k,ms", "x,1,1,1,1", "x,0.5,1,1,1"], /k\.csv:3: Expected a positive whole number at m/],
    [
      "no time",
      ["gpu,m,n,k,ms", "x,1,1,1,0"],
      /k\.csv:2: Expected milliseconds, above 0 and at most 1000000 at ms, got "0"/,
    ],
    ["an infinite time", ["gpu,m,n,k,ms", "x,1,1,1,Infinity"], /Expected milliseconds, above 0 .* at ms/],
    ["a row that lacks cells", ["gpu,m,n,k,ms", "x,1,1"], /k\.csv:2: Expected a row of CSV that fits the header/],
    [
      "a column that is there twice",
      ["gpu,m,n,k,ms,ms", "x,1,1,1,1,2"],
      /k\.csv:1: Expected each column once, got "ms"/,
    ],
    ["a header alone", ["gpu,m,n,k,ms"], /k\.csv: Expected rows of kernel times, got "a header alone"/],
    [
      "another word for held",
      ["gpu,m,n,k,ms,held", "x,1,1,1,1,maybe"],
      /k\.csv:2: Expected 0 or 1 at held, got "maybe"/,
    ],
    [
      "more heads of keys than of queries",
      ["gpu,head_dim,heads,kv_heads,batch,tokens,ms", "x,128,8,32,1,512,1"],
      /k\.csv:2: Expected a divisor of 8 heads at kv_heads, got 32/,
    ],
    ["an empty row", ["gpu,m,n,k,ms", ",,,,"], /k\.csv:2: Expected a row of kernel times/],
    [
      "a collective that nobody knows",
      ["gpu,collective,gpus,bytes,ms", "x,constructor,2,4,1"],
      /k\.csv:2: Expected all_reduce, all_gather, reduce_scatter, alltoall at collective, got "constructor"/,
    ],
  ])("is refused with %s", (_, lines, message) => {
    expect(() => read(...lines)).toThrow(message);
  });
});

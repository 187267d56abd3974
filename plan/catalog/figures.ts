import type { CatalogDevice } from "../documents/catalog.ts";

type Price = NonNullable<CatalogDevice["price"]>;
type Figure = NonNullable<CatalogDevice["watts"]>;

/** When all figures were taken down. */
const DATE = "2026-11";
export const GIB = 2 ** 30;

export function figure(value: number, source: string): Figure {
  return { value, source, date: DATE };
}

export function price(low: number, high: number, source: string): Price {
  return { low, high, source, date: DATE };
}

/** Figures of one source. */
export function from(source: string): (value: number) => Figure {
  return (value) => figure(value, source);
}

export const ON_DEMAND = "cloud price listings, on demand";
export const specified = from("public specification page");
export const fromTools = from("published source code of training tools (peak tables of torchtitan, llm-analysis)");
export const recalled = from("from memory, not checked");
export const nominal = from(
  "nominal figure of one core with AVX2, an assumption; `loratwin calibrate` measures the real one",
);
export const spot = from("cloud price listings, spot");
export const pci = from("PCI-SIG rate per lane, 16 lanes, one direction");
export const fromPaper = from(
  "fitted on three cells of the paper's evaluation (PVLDB 18(6), figure 7), fp32; see loratwin paper",
);
export const fromLoraFusion = from(
  "fitted on published times of LoRA decoder layers of 8B, 32B and 70B models (LoRAFusion, EuroSys 2026), bfloat16, " +
    "fused LoRA kernels",
);
export const fromGeForce = from(
  "a judgement: cards whose sheet halves the rate of sums in 32 bits come near to it, as torchtune's published rates of an " +
    "RTX 4090 say",
);
export const fromSteps = from(
  "fitted on step times of its accelerators that were taken from MLPerf Training's logs (v4.0 to v5.1), beside the mean " +
    "of kernels that were timed on other GPUs",
);
export const fromRates = from(
  "a judgement: with attention in 16 bits MLPerf's steps on Blackwell would have products in 8 bits reach 0.84 of their " +
    "peak, and NVIDIA's published rates of short rows on it do not",
);

/** Of cards whose memory is slow beside their multiprocessors. */
export const CARD_MEMORY_BOUND = figure(
  1.6,
  "norms, gates, rotary embeddings and sums of an A40 beside those of an A100 in Vidur's profiles (1.8, 1.6, 1.8, 0.9); " +
    "taken for all cards",
);

/** The memory of a card whose maker says GB and means GiB. */
export function cardMemory(gib: number): Figure {
  return figure(gib * GIB, "public specification page; the GB of a card are 2^30 bytes");
}

/** The same, recalled. */
export function recalledCard(gib: number): Figure {
  return figure(gib * GIB, "from memory, not checked; the GB of a card are 2^30 bytes");
}

export const listed = from(
  "vendors' sheets, without sparsity, as listed beside step times that were taken from MLPerf Training's logs (v4.0 to v5.1)",
);

/** Devices that the link between devices connects. */
export function board(devices: number): Figure {
  return figure(devices, "devices of a server's board, all connected");
}

export function rack(devices: number): Figure {
  return figure(devices, "devices of a rack, all connected");
}

/** A port to other machines. */
export function port(bytesPerSecond: number): Figure {
  return figure(bytesPerSecond, "assumed: the port that reference servers have for each device");
}

import { padded } from "../../core/index.ts";
// Sizes of quantized weights, as native/src/ops/quantized.h and packed_matrix.h lay them out.
import { COMPUTE_BYTES } from "../actions/compute-dtype.ts";
import type { Dtype } from "../documents/dtype.ts";

/** Formats that are dequantized to the compute dtype before each product. */
export type QuantizedDtype = "int8" | "nf4";

/**
 * Weights of a row that share an nf4 absmax, and absmax that share a step; rows of codes are padded to whole blocks.
 */
const BLOCK = 64;
const SUPER_BLOCK = 256;
const LINE = 64;
const FLOAT = 4;

/** Columns that a thread dequantizes at once: panels of 64, up to 256, in 512 KiB where that holds one. */
const PANEL = { rows: 32, columns: 64, mostColumns: 256, elements: 256 * 2 ** 10 } as const;

export function isQuantized(dtype: Dtype): dtype is QuantizedDtype {
  return dtype === "int8" || dtype === "nf4";
}

/**
 * Codes and scales of W [out, in], which both directions read: 8 bits a weight and a scale a row, or about 4.127 bits a
 * weight.
 */
export function quantizedMatrixBytes(inFeatures: number, outFeatures: number, dtype: QuantizedDtype): number {
  const codes = outFeatures * padded(inFeatures, BLOCK);
  if (dtype === "int8") return padded(codes, LINE) + padded(outFeatures * FLOAT, LINE);
  const blocks = codes / BLOCK;
  return padded(codes / 2, LINE) + padded(blocks, LINE) + padded((1 + Math.ceil(blocks / SUPER_BLOCK)) * FLOAT, LINE);
}

/** What a thread keeps for the dequantized columns of a right operand [rows, columns]. */
export function quantizedScratchBytes(rows: number, columns: number): number {
  const depth = padded(rows, PANEL.rows);
  const fitting = Math.floor(PANEL.elements / depth / PANEL.columns) * PANEL.columns;
  const wanted = Math.min(Math.max(fitting, PANEL.columns), PANEL.mostColumns);
  return depth * Math.min(wanted, padded(columns, PANEL.columns)) * COMPUTE_BYTES.bfloat16;
}

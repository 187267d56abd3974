// Scratch of operators as their headers in native/src/ops state it.
import { COMPUTE_BYTES, type ComputeDtype } from "./compute-dtype.ts";

const FLOAT = 4;
const LINE = 64;

function padded(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** `attention` and `attentionBackward` (attention.h), in any dtype; a backward's is the larger. */
export function attentionScratchBytes(
  threads: number,
  maxSequence: number,
  headDim: number,
  backward: boolean,
): number {
  const rows = padded(maxSequence, 2);
  const width = padded(headDim, 16);
  const keys = Math.min(rows, 256);
  const floats = backward ? 4 * rows * width + 64 * (5 * width + 3 * keys) : 2 * rows * width + 64 * (2 * width + keys);
  return threads * padded(floats, 16) * FLOAT;
}

/** `loraBackward` (lora.h). */
export function loraScratchBytes(rows: number, maxRank: number, projections: number, dtype: ComputeDtype): number {
  return rows * projections * padded(maxRank, 16) * COMPUTE_BYTES[dtype];
}

/** `headLoss` (head_loss.h). */
export function headScratchBytes(tileRows: number, hidden: number, vocabulary: number, dtype: ComputeDtype): number {
  const parts = [
    tileRows * vocabulary * FLOAT,
    tileRows * hidden * COMPUTE_BYTES[dtype],
    tileRows * hidden * FLOAT,
    tileRows * 8,
    tileRows * 4,
    tileRows * 4,
  ];
  return parts.reduce((sum, bytes) => sum + padded(bytes, LINE), 0);
}

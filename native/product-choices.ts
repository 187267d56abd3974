import type { RawProducts } from "./raw-addon.ts";
import { RECORDS } from "./records.ts";
import type { Dtype } from "./tensors.ts";

/**
 * The way that was the fastest for a product with a frozen weight [out, in] at so many rows. `adds`: to what is in its
 * result, or to a residual. `algorithm`: the library's own words, 128 hexadecimal digits.
 */
export interface ProductChoice {
  readonly backward: boolean;
  readonly dtype: Dtype;
  readonly outDtype: Dtype;
  readonly adds: boolean;
  readonly out: number;
  readonly in: number;
  readonly rows: number;
  readonly algorithm: string;
}

/** `library`: its name and version, which alone understands the algorithms. */
export interface ProductChoices {
  readonly library: string;
  readonly choices: readonly ProductChoice[];
}

const dtypeOf = (narrow: number): Dtype => (narrow === 1 ? "bfloat16" : "float32");
const isNarrow = (dtype: Dtype): number => (dtype === "bfloat16" ? 1 : 0);

export function packProducts({ library, choices }: ProductChoices): RawProducts {
  const rows = choices.map(({ backward, dtype, outDtype, adds, ...sizes }) => ({
    ...sizes,
    backward: Number(backward),
    narrow: isNarrow(dtype),
    narrowOut: isNarrow(outDtype),
    adds: Number(adds),
  }));
  return {
    name: library,
    rows: RECORDS.ProductChoice.pack(rows),
    algorithms: choices.map(({ algorithm }) => algorithm),
  };
}

/** `undefined` for a device whose products have one way. */
export function unpackProducts({ name, rows, algorithms }: RawProducts): ProductChoices | undefined {
  if (name === "") return undefined;
  const choices = RECORDS.ProductChoice.unpack(rows).map(
    ({ backward, narrow, narrowOut, adds, out, in: inFeatures, rows: count }, i): ProductChoice => ({
      backward: backward === 1,
      dtype: dtypeOf(narrow),
      outDtype: dtypeOf(narrowOut),
      adds: adds === 1,
      out,
      in: inFeatures,
      rows: count,
      algorithm: algorithms[i]!,
    }),
  );
  return { library: name, choices };
}

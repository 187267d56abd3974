// Numbers cross to the addon and back as rows of a Float64Array. A record names the fields of a row, in order: here,
// and in src/bind/records.h. Loading the addon compares the two, so nothing is ever read as another field.

/** A row by the names of its fields. */
type Row<Field extends string> = Readonly<Record<Field, number>>;

export interface RowLayout<Field extends string> {
  readonly fields: readonly Field[];
  /** The rows' fields one after another; what else a row has is left out. */
  pack(rows: readonly Row<Field>[]): Float64Array;
  unpack(packed: Float64Array): readonly Row<Field>[];
}

const EMPTY = new Float64Array(0);

function record<const Field extends string>(...fields: readonly Field[]): RowLayout<Field> {
  const width = fields.length;
  return {
    fields,
    pack(rows) {
      if (rows.length === 0) return EMPTY;
      const packed = new Float64Array(rows.length * width);
      let next = 0;
      for (const row of rows) for (const field of fields) packed[next++] = row[field];
      return packed;
    },
    unpack: (packed) =>
      Array.from(
        { length: packed.length / width },
        (_, row) => Object.fromEntries(fields.map((field, i) => [field, packed[row * width + i]!])) as Row<Field>,
      ),
  };
}

/** Every record, by the name that the addon exports it under. */
export const RECORDS = {
  /** A run's rows, and where its spaces start in the arena. */
  Run: record("rows", "stashRows", "stash", "work", "in", "out"),
  Segment: record("adapter", "rowStart", "rowEnd", "lossScale", "dropout", "seedLow", "seedHigh"),
  LossPart: record("rowStart", "rowEnd", "lossScale"),
  CachedRows: record("first", "past", "total"),
  /** `curve` as in `PREFERENCE_CURVES`; of a side that is not there -1; `odds` as 0 and 1. */
  Preference: record(
    "curve",
    "chosen",
    "chosenReference",
    "chosenShare",
    "rejected",
    "rejectedReference",
    "rejectedShare",
    "odds",
    "beta",
    "offset",
    "up",
    "down",
    "weight",
    "chosenWeight",
    "divergenceFirst",
    "divergenceCount",
  ),
  SumSquares: record("adapter", "cell"),
  UpdateItem: record(
    "adapter",
    "step",
    "learningRate",
    "learningRateB",
    "beta1",
    "beta2",
    "eps",
    "weightDecay",
    "maxGradNorm",
    "told",
  ),
  /** `weight`: a matrix, or a table of an entry with tokens; -1 of an entry without magnitudes. */
  AdapterEntry: record("target", "rank", "inFeatures", "outFeatures", "scale", "experts", "weight", "column"),
  Times: record("busyNs", "waitNs", "starvedNs", "hostWaits"),
  Memory: record("weightsBytes", "arenaBytes", "adaptersBytes", "otherBytes", "peakBytes"),
  Graphs: record("captured", "launched", "kept", "refused", "nodes", "bytes"),
  SpeedSample: record("atNs", "product", "copy"),
  /** Of a product: flags as 0 and 1; `narrow` and `narrowOut`: bfloat16 and not float32. */
  ProductChoice: record("backward", "narrow", "narrowOut", "adds", "out", "in", "rows"),
} as const;

// Jobs of published cluster traces.
export { type ClusterTrace, type ClusterTraceFormat, readClusterTrace } from "./cluster-traces/read-cluster-trace.ts";
export type { TraceEnd, TraceJob } from "./cluster-traces/trace-job.ts";
// Where training data come from, and in which form.
export type { DataFormat, DataSource, FileSource, LengthSource } from "./data-source.ts";
// The hash that names the content of token rows.
export { datasetDigest } from "./dataset-digest.ts";
// How files of the Hugging Face hub are fetched.
export type { DownloadOptions } from "./hub/download.ts";
// A base model of random numbers.
export { type InitModelOptions, type InitModelResult, initModel } from "./init-model.ts";
// The order in which a job goes through its rows.
export { orderRows, type RowOrderOptions } from "./order-rows.ts";
// Training data read as token rows.
export {
  collectRows,
  cutRow,
  cutToLength,
  type Dataset,
  locateData,
  type MadeOrRefused,
  makeRows,
  type ReadDatasetOptions,
  type RowPart,
  type RowWork,
  readDataset,
  readRowParts,
  type SeenRecord,
  seenOfPart,
  type WholeRows,
} from "./read-dataset.ts";
// A record of a data file.
// Rows of a small table.
export { type CsvRow, csvRows } from "./records/csv-text.ts";
export type { DataRecord } from "./records/record.ts";
// The folder of a base model that is named: a folder of the user's, or one of the hub.
export { checkTokenizerFiles, type ResolveModelOptions, resolveModel } from "./resolve-model.ts";
// A row of tokens, and which of them are scored.
export { countScored, NOT_SCORED, type Row } from "./row.ts";
// Numbers as safetensors files store them.
export { decodeFloats, encodeFloats, type FloatType } from "./safetensors/float-formats.ts";
// Safetensors files, read and written.
export { readFileRange, type TensorEntry } from "./safetensors/header.ts";
export { readSafetensors, type SafetensorsReader } from "./safetensors/read-safetensors.ts";
export { type TensorToWrite, writeSafetensors } from "./safetensors/write-safetensors.ts";
// A model's tokenizer and chat template.
export { type ChatMessage, loadTokenizer, type TextTokenizer } from "./tokenizer.ts";

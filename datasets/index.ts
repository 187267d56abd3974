// Training data as token rows, and what their order and content are named by.
export type { DataFormat, DataSource, FileSource, LengthSource } from "./data-source.ts";
export { datasetDigest } from "./dataset-digest.ts";
// Where a base model comes from: a folder, the Hugging Face hub, or random numbers.
export type { DownloadOptions } from "./hub/download.ts";
export { type InitModelOptions, type InitModelResult, initModel } from "./init-model.ts";
export { orderRows, type RowOrderOptions } from "./order-rows.ts";
export {
  cutToLength,
  type Dataset,
  locateData,
  makeRows,
  type ReadDatasetOptions,
  type RowWork,
  readDataset,
  readRowWork,
  readWholeRows,
  type WholeRows,
} from "./read-dataset.ts";
export { type ResolveModelOptions, resolveModel } from "./resolve-model.ts";
export { countScored, NOT_SCORED, type Row } from "./row.ts";
// Weights in files.
export { decodeFloats, encodeFloats, type FloatType } from "./safetensors/float-formats.ts";
export type { TensorEntry } from "./safetensors/header.ts";
export { readSafetensors, type SafetensorsReader } from "./safetensors/read-safetensors.ts";
export { type TensorToWrite, writeSafetensors } from "./safetensors/write-safetensors.ts";
// A model's tokenizer and chat template.
export { type ChatMessage, loadTokenizer, type TextTokenizer } from "./tokenizer.ts";
// What may be made anew.
export { userCache } from "./user-cache.ts";

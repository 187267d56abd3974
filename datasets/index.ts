// A chat template, or any text of that form, compiled.
export { compileTemplate } from "./chat-template.ts";
// Chat templates by their names.
export { CHAT_TEMPLATES, isTemplateFile, withTemplateFile, withTemplateText } from "./chat-templates.ts";
// Jobs of published cluster traces.
export { type ClusterTrace, type ClusterTraceFormat, readClusterTrace } from "./cluster-traces/read-cluster-trace.ts";
export type { TraceEnd, TraceJob } from "./cluster-traces/trace-job.ts";
// Rows whose answers are compared.
export { type Comparing, compareRows } from "./compare-rows.ts";
// Rows at a cutoff.
export {
  aboutRows,
  type CutRow,
  countRemarks,
  cutRow,
  cutToLength,
  type Dataset,
  type RowRemarks,
  type SkippedRecords,
  type WholeRows,
} from "./cut-rows.ts";
// Where training data come from, and in which form.
export type {
  DataFormat,
  DataSource,
  FileSource,
  LengthSource,
  Role,
} from "./data-source.ts";
// The hash that names the content of token rows.
export { datasetDigest } from "./dataset-digest.ts";
// How files of the Hugging Face hub are fetched.
export type { DownloadOptions } from "./hub/download.ts";
// Paths of the hub.
export { isHubPath } from "./hub/hub-path.ts";
// A base model of random numbers.
export { type InitModelOptions, type InitModelResult, initModel } from "./init-model.ts";
// What becomes of records.
export { type MadeOrRefused, makeRows, type RowWork } from "./make-rows.ts";
// Training data read as token rows.
export {
  collectRows,
  locateData,
  MOST_REFUSED_TOLD,
  type ReadDatasetOptions,
  type RowPart,
  readDataset,
  readRowParts,
  type SeenRecord,
  seenOfPart,
  trainable,
  trainedRow,
} from "./read-dataset.ts";
// Rows of a small table.
export { type CsvRow, csvRows } from "./records/csv-text.ts";
export { readRecords } from "./records/read-records.ts";
export type { DataRecord, Place } from "./records/record.ts";
// The folder of a base model that is named: a folder of the user's, or one of the hub.
export { checkTokenizerFiles, type ResolveModelOptions, resolveModel } from "./resolve-model.ts";
// A row of tokens, and which of them are scored.
export { countScored, NOT_SCORED, promptLength, type Row, sequencesOf } from "./row.ts";
// What a text, or a chat, is as a prompt.
export { type AskedPrompt, chatIn, promptTokens, questionIn, specialTokensOf, stopTokensOf } from "./rows/prompts.ts";
// What a question is put into, so that it looks like those of rows.
export { formText, type QuestionForm, questionForm } from "./rows/question-form.ts";
// Which row of a preference a row is.
export type { MadeRow, RowName } from "./rows/row-kind.ts";
// What a job's loss compares.
export type { Compared } from "./rows/rows-of-record.ts";
// Numbers as safetensors files store them.
export { decodeFloats, encodeFloats, type FloatType } from "./safetensors/float-formats.ts";
// Safetensors files, read and written.
export { readFileRange, type TensorEntry } from "./safetensors/header.ts";
export { readSafetensors, type SafetensorsReader } from "./safetensors/read-safetensors.ts";
export { type TensorPieces, writePiecesOfTensors } from "./safetensors/write-pieces.ts";
export { type TensorToWrite, writeSafetensors } from "./safetensors/write-safetensors.ts";
// The text of tokens as they come.
export { TextStream } from "./text-stream.ts";
// The texts of tokens one by one.
export { type TokenPiece, TokenTexts } from "./token-texts.ts";
// A model's tokenizer and chat template.
export {
  type ChatMessage,
  hasChatTemplate,
  loadTokenizer,
  modelChatTemplate,
  type TextTokenizer,
} from "./tokenizer.ts";
// Texts in windows.
export { inWindows, WindowCutter, type WindowRow, windowRows, windowsOf } from "./window-rows.ts";

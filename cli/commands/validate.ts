import path from "node:path";
import { InputError, ownValue } from "../../core/index.ts";
import { type Context, isFolder, readInput } from "../../files/index.ts";
import {
  acceptedSchema,
  baselineSchema,
  calibrationSchema,
  candidatesSchema,
  capacityAnswerSchema,
  catalogSchema,
  clusterSchema,
  forecastSchema,
  parseDocument,
  parsePlan,
  pricesSchema,
  readText,
} from "../../plan/index.ts";
import { checkRun, RUN_WORDS, readRun, readTrace, runKindOf } from "../../runs/index.ts";
import { checkWorkload, loadGoldens, unusedInPlans } from "../../workbench/index.ts";
import { type Command, requiredText } from "../command.ts";
import type { Io } from "../io.ts";
import { note, printResult, warn } from "../output.ts";
import { contextOf } from "../request-options.ts";

/** What a person would want to know of a document, and what is wrong with it that others name with all else. */
interface Checked {
  readonly remarks: readonly string[];
  readonly errors?: readonly string[];
}

type Check = (text: string, file: string, io: Io, context: Context) => Promise<Checked> | undefined;

/** What is checked of a document of each kind. */
const CHECKS: Readonly<Record<string, Check>> = {
  workload: async (_, file, io, context) => {
    const { loaded, errors, warnings, remarks } = await checkWorkload(context, file);
    for (const warning of warnings) warn(io, warning);
    return { errors, remarks: [...remarks, ...(loaded === undefined ? [] : unusedInPlans(loaded))] };
  },
  cluster: (text, file) => void parseDocument(clusterSchema, text, file),
  calibration: (text, file) => void parseDocument(calibrationSchema, text, file),
  catalog: (text, file) => void parseDocument(catalogSchema, text, file),
  forecast: (text, file) => void parseDocument(forecastSchema, text, file),
  candidates: (text, file) => void parseDocument(candidatesSchema, text, file),
  prices: (text, file) => void parseDocument(pricesSchema, text, file),
  goldens: (_, file, io) => void loadGoldens(io, path.dirname(file)),
  "accepted-changes": (text, file) => void parseDocument(acceptedSchema, text, file),
  "regress-baseline": (text, file) => void parseDocument(baselineSchema, text, file),
  "capacity-answer": (text, file) => void parseDocument(capacityAnswerSchema, text, file),
  plan: (text, file) => void parsePlan(text, file),
  trace: (_, file, io) => void readTrace(io, file),
};

/** @throws InputError for the first thing that is wrong; returns the document's kind. */
async function validateFile(io: Io, file: string, context: Context): Promise<Checked & { readonly kind: string }> {
  const kindOfRun = runKindOf(io, file);
  if (kindOfRun !== undefined) return { kind: RUN_WORDS[kindOfRun], remarks: checkRun(readRun(io, file)) };
  if (isFolder(io, file))
    throw new InputError({ expected: "a document or a run folder", file, got: "a folder without plan.json" });
  const input = readInput(io, file, "a document");
  const source = readText(input.text, input.file);
  const value = source.value as { readonly kind?: unknown; readonly otherData?: { readonly kind?: unknown } } | null;
  const kind = value?.kind ?? value?.otherData?.kind;
  const check = typeof kind === "string" ? ownValue(CHECKS, kind) : undefined;
  if (check === undefined)
    throw new InputError({
      expected: `one of ${Object.keys(CHECKS).join(", ")}`,
      at: "kind",
      got: kind,
      file: input.file,
      ...source.locate(["kind"]),
    });
  return { kind: kind as string, ...((await check(input.text, input.file, io, context)) ?? { remarks: [] }) };
}

export const validateCommand: Command = {
  usage: "validate <file>",
  describe: "check a document (workload, cluster, calibration, catalog, plan, trace), a run folder or a live fleet's",
  examples: [["$0 validate examples/workload.yaml", "the schema, the data and the model that it names"]],
  positionals: { file: { type: "string", demandOption: true, describe: "file or run folder" } },
  uses: [{ input: "a document or a run folder", options: {} }],
  async run(args, io) {
    const file = requiredText(args, "file");
    const { kind, remarks, errors = [] } = await validateFile(io, file, contextOf(io, args));
    for (const remark of remarks) note(io, args, remark);
    for (const error of errors) io.stderr(`Error: ${error}\n`);
    if (errors.length > 0) return 2;
    printResult(io, args, { file, kind, valid: true }, () => `${file}: valid ${kind}`);
    return 0;
  },
};

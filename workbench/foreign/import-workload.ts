import path from "node:path";
import { InputError, isMapping } from "../../core/index.ts";
import { type Context, readInput, writeOutput } from "../../files/index.ts";
import { readText } from "../../plan/index.ts";
import { uniqueNames } from "../write/job-names.ts";
import { refuseExisting, writeWorkload } from "../write/new-file.ts";
import { commentLines, type Line, workloadText } from "../write/workload-text.ts";
import { type Draft, type DraftChoice, wholeDraft } from "./drafts.ts";
import { type ForeignTool, TOOL_NAMES } from "./key-rules.ts";
import { mloraDraft } from "./mlora-draft.ts";
import { type Finding, Findings, type Outcome } from "./reading.ts";
import { recognize } from "./recognize.ts";

export interface ImportChoice extends DraftChoice {
  readonly file: string;
  readonly from: ForeignTool | undefined;
  readonly output: string;
  readonly overwrite: boolean;
  /** Whether a workload is written that trains otherwise than the file says. */
  readonly partial: boolean;
}

export interface ImportedWorkload {
  readonly from: ForeignTool;
  readonly file: string;
  readonly isWritten: boolean;
  readonly jobs: readonly string[];
  readonly findings: readonly Finding[];
}

/** Findings of one outcome, those with one text together. */
export function foundTexts(findings: readonly Finding[], outcome: Outcome): readonly string[] {
  const byText = new Map<string, string[]>();
  for (const { key, text, outcome: own } of findings)
    if (own === outcome) byText.set(text, [...(byText.get(text) ?? []), key]);
  return [...byText].map(([text, keys]) => (text === "" ? keys.join(", ") : `${keys.join(", ")}: ${text}`));
}

/** What is said of each outcome. */
export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  lacks: "Not taken over, and training differs",
  otherwise: "Taken over otherwise",
  idle: "Not taken over, since it has no meaning here",
  taken: "Taken over",
};

function heading(file: string, tool: ForeignTool, findings: readonly Finding[]): readonly string[] {
  const parts = (["lacks", "otherwise", "idle", "taken"] as const).flatMap((outcome) => {
    const texts = foundTexts(findings, outcome);
    return texts.length === 0
      ? []
      : ["#", `# ${OUTCOMES[outcome]}:`, ...texts.flatMap((text) => commentLines(text, "# - ", "#   "))];
  });
  return [
    ...commentLines(
      `From ${file} of ${TOOL_NAMES[tool]}, by \`loratwin import\`. Behind a value stands the key that said it.`,
    ),
    ...parts,
  ];
}

function linesOf({ model, jobs }: Draft, names: readonly string[]): readonly Line[] {
  return [
    { key: "model", value: { lines: model } },
    {
      key: "jobs",
      value: { items: jobs.map(({ lines }, index) => [{ key: "name", value: names[index]! }, ...lines]) },
    },
  ];
}

/**
 * Makes a workload of another tool's configuration. It is not written where training would differ from what the file
 * says, unless `partial` allows it. @throws InputError
 */
export async function importWorkload(context: Context, choice: ImportChoice): Promise<ImportedWorkload> {
  const { output, partial } = choice;
  refuseExisting(context, output, choice.overwrite);
  const input = readInput(context, choice.file, "a configuration file");
  const source = readText(input.text, input.file);
  const tool = choice.from ?? recognize(source.value, choice.file);
  if (!isMapping(source.value)) throw new InputError({ expected: "a mapping", file: choice.file, got: source.value });
  const findings = new Findings();
  const folder = path.dirname(path.resolve(context.cwd, output));
  const place = {
    ...{ tool, cwd: context.cwd, folder: path.dirname(input.file), source, findings },
    ...{ output: folder, cache: context.cache ?? false },
    relative: (absolute: string) => path.relative(folder, absolute) || ".",
  };
  const draft = await (tool === "mlora" ? mloraDraft : wholeDraft)(source.value, choice, place);
  const found = findings.all;
  const isWritten = partial || !found.some(({ outcome }) => outcome === "lacks");
  const jobs = uniqueNames(draft.jobs.map(({ name }) => name));
  const text = workloadText(heading(path.basename(choice.file), tool, found), linesOf(draft, jobs));
  if (isWritten && draft.joined !== undefined) {
    const file = path.join(folder, draft.joined.name);
    refuseExisting(context, file, choice.overwrite);
    writeOutput(context, file, await draft.joined.text());
  }
  if (isWritten) writeWorkload(context, output, text);
  return { from: tool, file: path.normalize(output), isWritten, jobs, findings: found };
}

// The README.md of an adapter's folder: a model card of the Hugging Face hub.
import type { AdapterFolder } from "./adapter-folder.ts";

/** What a run tells of an adapter that it trained. */
export interface TrainingFacts {
  readonly job: string;
  /** The base that it was trained on, as its plan names it. */
  readonly base: string | undefined;
  /** The digest of its weights; absent where the run has not written it down. */
  readonly weights?: string | undefined;
  readonly steps: number;
  readonly finalLoss: number | undefined;
  readonly evaluationLoss: number | undefined;
  readonly learningRate: number | undefined;
  /** Names of files, without their folders. */
  readonly data: readonly string[];
}

/** The last names of the modules that have an update. */
export function targetNames({ modules }: AdapterFolder): readonly string[] {
  return [...new Set(modules.map(({ path }) => path.slice(path.lastIndexOf(".") + 1)))].toSorted();
}

/** A YAML scalar that any text can be. */
function yaml(text: string): string {
  return /^[\w./-]+$/.test(text) && /[a-z]/i.test(text) ? text : JSON.stringify(text);
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function trainingRows(
  adapter: AdapterFolder,
  facts: TrainingFacts | undefined,
): readonly (readonly [string, string])[] {
  const { rank, alpha, rslora, dora } = adapter;
  const forms = [...(rslora ? ["rank-stabilized"] : []), ...(dora ? ["DoRA"] : [])];
  return [
    ["rank", number(rank)],
    ["alpha", number(alpha)],
    ...(forms.length === 0 ? [] : [["form", forms.join(", ")] as const]),
    ["modules", targetNames(adapter).join(", ")],
    ...(facts === undefined
      ? []
      : [
          ["steps", number(facts.steps)] as const,
          ...(facts.learningRate === undefined ? [] : [["learning rate", number(facts.learningRate)] as const]),
          ...(facts.finalLoss === undefined ? [] : [["loss of the last step", number(facts.finalLoss)] as const]),
          ...(facts.evaluationLoss === undefined
            ? []
            : [["loss on held-out rows", number(facts.evaluationLoss)] as const]),
          ...(facts.data.length === 0 ? [] : [["data", facts.data.join(", ")] as const]),
        ]),
  ];
}

/** In a table's cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/[\r\n]+/g, " ");
}

export function modelCard(
  name: string,
  base: string,
  adapter: AdapterFolder,
  facts: TrainingFacts | undefined,
  version: string,
): string {
  return [
    "---",
    `base_model: ${yaml(base)}`,
    "library_name: peft",
    "pipeline_tag: text-generation",
    "tags:",
    ...["lora", "loratwin"].map((tag) => `- ${tag}`),
    "---",
    "",
    `# ${cell(name)}`,
    "",
    `A LoRA adapter of \`${cell(base)}\`.`,
    "",
    "## Use",
    "",
    "```python",
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    `base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(base)})`,
    'model = PeftModel.from_pretrained(base, "PATH OF THIS FOLDER")',
    'tokenizer = AutoTokenizer.from_pretrained("PATH OF THIS FOLDER")',
    "```",
    "",
    "## Training",
    "",
    "| what | value |",
    "|---|---|",
    ...trainingRows(adapter, facts).map(([what, value]) => `| ${what} | ${cell(value)} |`),
    "",
    facts === undefined ? `Packed with loratwin ${version}.` : `Trained with loratwin ${version}.`,
    "",
  ].join("\n");
}

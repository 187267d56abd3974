import { canonicalJson, finite, InputError, maximum } from "../../core/index.ts";
import {
  formText,
  hasChatTemplate,
  loadTokenizer,
  type QuestionForm,
  questionIn,
  specialTokensOf,
} from "../../datasets/index.ts";
import { readInput } from "../../files/index.ts";
import {
  type AdapterChoice,
  type Answer,
  type Answerer,
  type AnswerForm,
  BASE,
  formOf,
  openBase,
  type Questions,
  readQuestions,
  rowWay,
} from "../../inference/index.ts";
import { onInterrupt } from "../../runs/index.ts";
import { PromptThread } from "../../workbench/index.ts";
import {
  type AnswerChoice,
  answerChoice,
  openAnswerer,
  ROW_FORM_OPTIONS,
  rowFormChoice,
  SAMPLING_OPTIONS,
  SOURCE_OPTIONS,
  samplingChoice,
  severalTexts,
} from "../answer-options.ts";
import { chat } from "../chat.ts";
import { type Arguments, type Command, flag, optionalCount, optionalText, type Use } from "../command.ts";
import type { Io } from "../io.ts";
import type { OptionTable } from "../option-table.ts";
import { OrderedOutput } from "../ordered-output.ts";
import { note, printResult } from "../output.ts";
import { contextOf } from "../request-options.ts";

const ANSWER_OPTIONS = {
  ...SAMPLING_OPTIONS,
  "max-tokens": { type: "number", default: 256, describe: "tokens of an answer, at most" },
  stop: { type: "string", array: true, describe: "text that ends an answer; may be given several times" },
  "ignore-end": { type: "boolean", describe: "go on after the model's own end token" },
} as const satisfies OptionTable;

const FORM = {
  type: "string",
  choices: ["chat", "template", "raw"],
  describe:
    "what prompts are put into: the model's chat template, the rows' own, or nothing; by each one's data when absent",
} as const;

const CHAT_TEMPLATE = {
  type: "string",
  describe: "in place of the model's: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, vicuna, or a file",
} as const;

const EACH_OPTIONS = {
  schema: { type: "string", describe: "file with a JSON schema that every answer keeps to" },
  "log-probabilities": { type: "number", describe: "with --json: of each token, and of so many most likely ones" },
  ...SOURCE_OPTIONS,
  ...ANSWER_OPTIONS,
} as const;

const PROMPTS: Use = {
  input: "prompts",
  options: {
    prompt: { type: "string", alias: "p", array: true, describe: "a prompt; may be given several times" },
    form: FORM,
    "chat-template": CHAT_TEMPLATE,
    ...EACH_OPTIONS,
  },
};

const ROWS: Use = {
  input: "rows",
  kind: ["--data"],
  options: {
    data: { type: "string", describe: "file of rows whose prompts are answered" },
    ...ROW_FORM_OPTIONS,
    ...EACH_OPTIONS,
  },
  instead: (typed) => `Rows have their prompts in a form of their own: leave ${typed} out.`,
};

const CHAT: Use = {
  input: "a chat",
  kind: ["--repl"],
  options: {
    repl: { type: "boolean", describe: "a chat in the terminal, through the model's chat template" },
    "chat-template": CHAT_TEMPLATE,
    system: { type: "string", describe: "the chat's system message", beside: "repl" },
    context: { type: "number", default: 4096, describe: "tokens of a whole chat, at most", beside: "repl" },
    ...SOURCE_OPTIONS,
    ...ANSWER_OPTIONS,
  },
  instead: (typed) => `A chat takes its prompts from the terminal: leave ${typed} out.`,
};

/** A prompt as it is shown, and the answer that the data have. */
interface Asked {
  readonly text: string;
  /** As tokens, for each who answers. */
  readonly prompts: readonly (readonly number[])[];
  readonly expected: string | undefined;
}

/** What is asked, and what each who answers has its prompts in, in words. */
interface AllAsked {
  readonly asked: readonly Asked[];
  readonly forms: readonly string[];
}

function formChoice(
  kind: QuestionForm["kind"] | undefined,
  job: AdapterChoice["job"] | undefined,
  own: QuestionForm,
): QuestionForm {
  if (kind === undefined || kind === own.kind) return own;
  if (kind === "template")
    throw new InputError({
      expected: "an adapter whose data have a prompt template with one field",
      at: "--form",
      got: job === undefined ? "the base alone" : `job ${job.name}`,
    });
  return { kind };
}

/** What adapters have in common, where they do; the base is asked in that too, else in its own way. */
function withBase<T>(chosen: AnswerChoice["chosen"], own: readonly T[], ofBase: T): readonly T[] {
  const [first, ...others] = own.filter((_, index) => chosen[index] !== undefined);
  const isOne = first !== undefined && others.every((other) => canonicalJson(other) === canonicalJson(first));
  return chosen.map((each, index) => (each === undefined ? (isOne ? first : ofBase) : own[index]!));
}

/** What each who answers has its prompts in; of the same kind for all where a person says one. */
async function formsOf(
  args: Arguments,
  { source, chosen }: AnswerChoice,
  kind?: QuestionForm["kind"],
): Promise<readonly QuestionForm[]> {
  const chatTemplate = optionalText(args, "chat-template");
  if (chatTemplate !== undefined) return chosen.map(() => ({ kind: "chat", chatTemplate }));
  const hasTemplate = hasChatTemplate(openBase(source).folder);
  const own = await Promise.all(chosen.map((each) => formOf(each, hasTemplate)));
  const forms = withBase(chosen, own, await formOf(undefined, hasTemplate));
  return forms.map((form, index) => formChoice(kind, chosen[index]?.job, form));
}

/** Rows' prompts, read for each as its own rows are; only rows that all of them can read. */
async function askedRows(io: Io, args: Arguments, { source, chosen }: AnswerChoice): Promise<AllAsked> {
  const file = String(args["data"]);
  const model = openBase(source);
  const tokenizer = loadTokenizer(model.folder);
  const ways = withBase(
    chosen,
    chosen.map((each) => (each === undefined ? {} : rowWay(each.job))),
    {},
  );
  const read = new Map<string, Promise<Questions>>();
  const all: Questions[] = [];
  for (const way of ways) {
    const key = canonicalJson(way);
    const questions = read.get(key) ?? readQuestions(contextOf(io, args), model, file, way, rowFormChoice(args));
    read.set(key, questions);
    all.push(await questions);
  }
  const refused = all.find(({ numRefused }) => numRefused > 0);
  if (refused !== undefined) note(io, args, `${refused.numRefused} rows could not be read: ${refused.firstRefused}`);
  const special = specialTokensOf(tokenizer);
  const textOf = (tokens: readonly number[]) => tokenizer.decode(tokens.filter((token) => !special.has(token)));
  const [first, ...others] = all.map(({ rows }) => new Map(rows.map((row) => [row.number, row])));
  const asked = [...first!.values()].flatMap((row) => {
    const rows = [row, ...others.flatMap((each) => each.get(row.number) ?? [])];
    if (rows.length < all.length) return [];
    return [{ text: textOf(row.prompt), prompts: rows.map(({ prompt }) => prompt), expected: textOf(row.expected) }];
  });
  if (asked.length === 0)
    throw new InputError({ expected: "rows that all who answer can read", at: "--data", got: file });
  return { asked, forms: all.map(({ format }) => `rows of format ${format}`) };
}

async function askedPrompts(io: Io, args: Arguments, choice: AnswerChoice): Promise<AllAsked> {
  const prompts = severalTexts(args, "prompt");
  if (prompts.length === 0)
    throw new InputError({ expected: "-p TEXT, --data FILE, or --repl", at: "--prompt", got: "none" });
  const forms = await formsOf(args, choice, optionalText(args, "form") as QuestionForm["kind"] | undefined);
  for (const template of new Set(forms.flatMap((form) => (form.kind === "template" ? [form.template] : []))))
    note(io, args, `prompts are put into the rows' template: ${JSON.stringify(template)}`);
  if (forms.some(({ kind }) => kind === "chat"))
    note(io, args, "prompts go through the chat template, each as a user's turn");
  await using thread = new PromptThread(openBase(choice.source).folder);
  const made = new Map<string, Promise<readonly number[]>>();
  const tokens = (form: QuestionForm, text: string): Promise<readonly number[]> => {
    const asked = questionIn(form, text);
    const key = canonicalJson(asked);
    const known = made.get(key) ?? thread.tokens(asked);
    made.set(key, known);
    return known;
  };
  const asked: Asked[] = [];
  for (const text of prompts)
    asked.push({ text, prompts: await Promise.all(forms.map((form) => tokens(form, text))), expected: undefined });
  return { asked, forms: forms.map(formText) };
}

/** What --json tells of an answer. */
function answerFacts({ text, tokens, end, promptLogProbabilities }: Answer, logProbabilities: number | undefined) {
  return {
    ...{ text, end, tokens: tokens.map(({ token }) => token) },
    ...(logProbabilities === undefined
      ? {}
      : {
          logProbabilities: tokens.map(({ logProbability }) => finite(logProbability)),
          top: tokens.map(({ top }) => top.map((each) => ({ ...each, logProbability: finite(each.logProbability) }))),
          promptLogProbabilities: promptLogProbabilities.map(finite),
        }),
  };
}

/** Why an answer ended, where it did not end itself. */
export function howEnded({ end, tokens }: Answer, maxTokens: number): string {
  if (end === "aborted") return " [stopped]";
  if (end === "stop") return "";
  return tokens.length < maxTokens ? " [cut: the model has no more positions]" : " [cut: --max-tokens]";
}

/** The form that answers keep to; none where no schema is named. @throws InputError */
function formChosen(io: Io, args: Arguments): AnswerForm | undefined {
  const named = optionalText(args, "schema");
  if (named === undefined) return undefined;
  const { text, file } = readInput(contextOf(io, args), named, "a file with a JSON schema");
  try {
    return [[{ schema: JSON.parse(text) as unknown, at: "--schema" }]];
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new InputError({ expected: "JSON", file, got: cause.message }, { cause });
  }
}

function longestOf(prompts: Asked["prompts"]): number {
  return maximum(prompts.map(({ length }) => length));
}

/** All prompts fit, before any of them is answered. @throws InputError */
function checkLengths(asked: readonly Asked[], { source }: AnswerChoice): void {
  const { maxPositions } = openBase(source).architecture;
  const long = asked.findIndex(({ prompts }) => longestOf(prompts) >= maxPositions);
  if (long < 0) return;
  throw new InputError({
    expected: `prompts of fewer than ${maxPositions} tokens, as many as the model has positions`,
    at: asked.length === 1 ? "--prompt" : `prompt ${long + 1}`,
    got: longestOf(asked[long]!.prompts),
  });
}

async function answerAll(io: Io, args: Arguments, use: Use): Promise<number> {
  const choice = answerChoice(io, args);
  const sampling = samplingChoice(args);
  const maxTokens = optionalCount(args, "max-tokens") ?? 256;
  const topTokens = optionalCount(args, "log-probabilities", 0);
  if (topTokens !== undefined && !flag(args, "json"))
    throw new InputError({ expected: "--json beside it", at: "--log-probabilities", got: topTokens });
  const form = formChosen(io, args);
  const { asked, forms } = await (use === ROWS ? askedRows : askedPrompts)(io, args, choice);
  checkLengths(asked, choice);
  const longest = maximum(asked.map(({ prompts }) => longestOf(prompts)));
  const wanted = asked.length * choice.chosen.length;
  const sized = { ...choice, sequences: Math.min(choice.sequences, wanted) };
  using answerer = await openAnswerer(io, args, sized, longest + maxTokens);
  const constraint = form === undefined ? undefined : answerer.constraint(form);
  const abort = new AbortController();
  using _interrupt =
    io.signals === undefined ? undefined : onInterrupt(io.signals, () => abort.abort(), io.exit ?? (() => {}));
  const isJson = flag(args, "json");
  const [stop, ignoresEnd] = [severalTexts(args, "stop"), flag(args, "ignore-end")];
  const names = choice.chosen.map((each) => each?.name);
  const ask = (prompt: readonly number[], adapter: string | undefined, onText: (text: string) => void) =>
    answerer.answer({
      ...{ prompt, adapter, sampling, maxTokens, stop, onText, signal: abort.signal },
      ...{ ignoresEnd, continues: true, constraint },
      ...(topTokens === undefined ? {} : { topTokens, scoresPrompt: true }),
    });
  const results = isJson
    ? await Promise.all(
        asked.map(({ prompts }) => Promise.all(names.map((name, of) => ask(prompts[of]!, name, () => {})))),
      )
    : await streamed(io, { asked, forms }, names, maxTokens, ask);
  if (isJson)
    printResult(
      io,
      args,
      {
        model: answerer.modelFolder,
        ...{ sampling, maxTokens },
        answers: asked.map(({ text, prompts, expected }, index) => ({
          prompt: text,
          ...(expected === undefined ? {} : { expected }),
          answers: Object.fromEntries(
            names.map((name, of) => [
              name ?? BASE,
              { form: forms[of], promptTokens: prompts[of], ...answerFacts(results[index]![of]!, topTokens) },
            ]),
          ),
        })),
      },
      () => "",
    );
  return abort.signal.aborted ? 130 : 0;
}

/** Answers under their prompts, the first one as it comes. */
async function streamed(
  io: Io,
  { asked, forms }: AllAsked,
  names: readonly (string | undefined)[],
  maxTokens: number,
  ask: (prompt: readonly number[], name: string | undefined, onText: (text: string) => void) => Promise<Answer>,
): Promise<readonly (readonly Answer[])[]> {
  const toldForm = (of: number): string => (new Set(forms).size > 1 ? ` (${forms[of]})` : "");
  const headings = asked.flatMap(({ text, expected }, index) =>
    names.map((name, of) =>
      [
        ...(of > 0 ? [] : [`${index === 0 ? "" : "\n"}> ${text.trim().replaceAll("\n", "\n> ")}\n`]),
        ...(of > 0 || expected === undefined ? [] : [`\nexpected: ${expected.trim()}\n`]),
        `\n${name ?? BASE}${toldForm(of)}: `,
      ].join(""),
    ),
  );
  const output = new OrderedOutput((text) => io.stdout(text), headings);
  return await Promise.all(
    asked.map(({ prompts }, index) =>
      Promise.all(
        names.map(async (name, of) => {
          const at = index * names.length + of;
          let isFirst = true;
          const answer = await ask(prompts[of]!, name, (text) => {
            output.add(at, isFirst ? text.trimStart() : text);
            isFirst &&= text.trimStart() === "";
          });
          output.end(at, `${howEnded(answer, maxTokens)}\n`);
          return answer;
        }),
      ),
    ),
  );
}

async function talk(io: Io, args: Arguments): Promise<number> {
  const choice = answerChoice(io, args);
  if (flag(args, "json")) throw new InputError({ expected: "no --json beside --repl", at: "--json", got: true });
  const sampling = samplingChoice(args);
  const context = optionalCount(args, "context") ?? 4096;
  const forms = await formsOf(args, choice);
  choice.chosen.forEach((each, index) => {
    if (forms[index]!.kind === "template")
      note(io, args, `${each?.name ?? BASE} is asked each question by itself, in ${formText(forms[index]!)}`);
  });
  const sized = { ...choice, sequences: Math.min(choice.sequences, Math.max(1, choice.chosen.length)) };
  using answerer: Answerer = await openAnswerer(io, args, sized, context);
  await chat(io, answerer, {
    forms: new Map(choice.chosen.map((each, index) => [each?.name, forms[index]!])),
    system: optionalText(args, "system"),
    ...{ sampling, maxTokens: optionalCount(args, "max-tokens") ?? 256, context },
    ...{ stop: severalTexts(args, "stop"), ignoresEnd: flag(args, "ignore-end") },
  });
  return 0;
}

export const generateCommand: Command = {
  usage: "generate <from>",
  describe: "answers of the base model and of adapters to the same prompts, side by side; --repl is a chat",
  examples: [
    ['$0 generate run/ -p "Once upon a time"', "the base and every adapter of a run"],
    ["$0 generate run/ --data test.jsonl --limit 5 --adapters base,a", "rows' prompts, with the expected answers"],
    ["$0 generate run/ --repl --adapters a,a@best", "a chat with two adapters at once"],
  ],
  positionals: {
    from: { type: "string", demandOption: true, describe: "folder of a run, or of a model" },
  },
  uses: [PROMPTS, ROWS, CHAT],
  useOf: (args) => (flag(args, "repl") ? CHAT : args["data"] === undefined ? PROMPTS : ROWS),
  run: (args, io, use) => (use === CHAT ? talk(io, args) : answerAll(io, args, use)),
};

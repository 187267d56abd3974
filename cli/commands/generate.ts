import { finite, InputError, maximum } from "../../core/index.ts";
import { loadTokenizer, promptIn, type QuestionForm, specialTokensOf } from "../../datasets/index.ts";
import {
  type AdapterChoice,
  type Answer,
  type Answerer,
  BASE,
  openBase,
  readQuestions,
} from "../../inference/index.ts";
import { isLengthData } from "../../plan/index.ts";
import { onInterrupt } from "../../runs/index.ts";
import { promptFormOf } from "../../workbench/index.ts";
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
  describe: "what a prompt is put into: the model's chat template, the rows' own, or nothing; by the data when absent",
  notBeside: ["data"],
} as const;

const CHAT_TEMPLATE = {
  type: "string",
  describe: "in place of the model's: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, vicuna, or a file",
} as const;

const PROMPTS: Use = {
  input: "prompts",
  options: {
    prompt: { type: "string", alias: "p", array: true, describe: "a prompt; may be given several times" },
    data: { type: "string", describe: "file of rows whose prompts are answered", notBeside: ["prompt"] },
    form: FORM,
    "chat-template": CHAT_TEMPLATE,
    "log-probabilities": { type: "number", describe: "with --json: of each token, and of so many most likely ones" },
    ...ROW_FORM_OPTIONS,
    ...SOURCE_OPTIONS,
    ...ANSWER_OPTIONS,
  },
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

/** A prompt as it is shown, as tokens, and the answer that the data have. */
interface Asked {
  readonly text: string;
  readonly prompt: readonly number[];
  readonly expected: string | undefined;
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

async function askedOf(io: Io, args: Arguments, { source, chosen }: AnswerChoice): Promise<readonly Asked[]> {
  const [file, prompts] = [optionalText(args, "data"), severalTexts(args, "prompt")];
  const [rowForm, kind] = [rowFormChoice(args), optionalText(args, "form") as QuestionForm["kind"] | undefined];
  const chatTemplate = optionalText(args, "chat-template");
  if (file === undefined && prompts.length === 0)
    throw new InputError({ expected: "-p TEXT, --data FILE, or --repl", at: "--prompt", got: "none" });
  const model = openBase(source);
  const tokenizer = loadTokenizer(model.folder);
  const first = chosen.find((each) => each !== undefined);
  const job = first?.job;
  if (file !== undefined) {
    const questions = await readQuestions(contextOf(io, args), model, file, job, rowForm);
    if (questions.numRefused > 0)
      note(io, args, `${questions.numRefused} rows could not be read: ${questions.firstRefused}`);
    const special = specialTokensOf(tokenizer);
    const textOf = (tokens: readonly number[]) => tokenizer.decode(tokens.filter((token) => !special.has(token)));
    return questions.rows.map(({ prompt, expected }) => ({
      text: textOf(prompt),
      prompt,
      expected: textOf(expected),
    }));
  }
  const data = job === undefined || isLengthData(job.data) ? undefined : job.data;
  const own = await promptFormOf(data, first?.dataFile, tokenizer);
  const form: QuestionForm = chatTemplate === undefined ? formChoice(kind, job, own) : { kind: "chat", chatTemplate };
  if (form.kind === "template")
    note(io, args, `prompts are put into the rows' template: ${JSON.stringify(form.template)}`);
  if (form.kind === "chat") note(io, args, "prompts go through the chat template, each as a user's turn");
  return prompts.map((text) => ({ text, prompt: promptIn(form, text, tokenizer), expected: undefined }));
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

/** All prompts fit, before any of them is answered. @throws InputError */
function checkLengths(asked: readonly Asked[], { source }: AnswerChoice): void {
  const { maxPositions } = openBase(source).architecture;
  const long = asked.findIndex(({ prompt }) => prompt.length >= maxPositions);
  if (long < 0) return;
  throw new InputError({
    expected: `prompts of fewer than ${maxPositions} tokens, as many as the model has positions`,
    at: asked.length === 1 ? "--prompt" : `prompt ${long + 1}`,
    got: asked[long]!.prompt.length,
  });
}

async function answerAll(io: Io, args: Arguments): Promise<number> {
  const choice = answerChoice(io, args);
  const sampling = samplingChoice(args);
  const maxTokens = optionalCount(args, "max-tokens") ?? 256;
  const topTokens = optionalCount(args, "log-probabilities", 0);
  if (topTokens !== undefined && !flag(args, "json"))
    throw new InputError({ expected: "--json beside it", at: "--log-probabilities", got: topTokens });
  const asked = await askedOf(io, args, choice);
  checkLengths(asked, choice);
  const longest = maximum(asked.map(({ prompt }) => prompt.length));
  const wanted = asked.length * choice.chosen.length;
  const sized = { ...choice, sequences: Math.min(choice.sequences, wanted) };
  using answerer = await openAnswerer(io, args, sized, longest + maxTokens);
  const abort = new AbortController();
  using _interrupt =
    io.signals === undefined ? undefined : onInterrupt(io.signals, () => abort.abort(), io.exit ?? (() => {}));
  const isJson = flag(args, "json");
  const [stop, ignoresEnd] = [severalTexts(args, "stop"), flag(args, "ignore-end")];
  const names = choice.chosen.map((each) => each?.name);
  const ask = (prompt: readonly number[], adapter: string | undefined, onText: (text: string) => void) =>
    answerer.answer({
      ...{ prompt, adapter, sampling, maxTokens, stop, onText, signal: abort.signal },
      ...{ ignoresEnd, continues: true },
      ...(topTokens === undefined ? {} : { topTokens, scoresPrompt: true }),
    });
  const results = isJson
    ? await Promise.all(asked.map(({ prompt }) => Promise.all(names.map((name) => ask(prompt, name, () => {})))))
    : await streamed(io, asked, names, maxTokens, ask);
  if (isJson)
    printResult(
      io,
      args,
      {
        model: answerer.modelFolder,
        ...{ sampling, maxTokens },
        answers: asked.map(({ text, prompt, expected }, index) => ({
          ...{ prompt: text, promptTokens: prompt },
          ...(expected === undefined ? {} : { expected }),
          answers: Object.fromEntries(
            names.map((name, of) => [name ?? BASE, answerFacts(results[index]![of]!, topTokens)]),
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
  asked: readonly Asked[],
  names: readonly (string | undefined)[],
  maxTokens: number,
  ask: (prompt: readonly number[], name: string | undefined, onText: (text: string) => void) => Promise<Answer>,
): Promise<readonly (readonly Answer[])[]> {
  const headings = asked.flatMap(({ text, expected }, index) =>
    names.map((name, of) =>
      [
        ...(of > 0 ? [] : [`${index === 0 ? "" : "\n"}> ${text.trim().replaceAll("\n", "\n> ")}\n`]),
        ...(of > 0 || expected === undefined ? [] : [`\nexpected: ${expected.trim()}\n`]),
        `\n${name ?? BASE}: `,
      ].join(""),
    ),
  );
  const output = new OrderedOutput((text) => io.stdout(text), headings);
  return await Promise.all(
    asked.map(({ prompt }, index) =>
      Promise.all(
        names.map(async (name, of) => {
          const at = index * names.length + of;
          let isFirst = true;
          const answer = await ask(prompt, name, (text) => {
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
  const [context, chatTemplate] = [optionalCount(args, "context") ?? 4096, optionalText(args, "chat-template")];
  const sized = { ...choice, sequences: Math.min(choice.sequences, Math.max(1, choice.chosen.length)) };
  using answerer: Answerer = await openAnswerer(io, args, sized, context);
  await chat(io, answerer, {
    names: choice.chosen.map((each) => each?.name),
    system: optionalText(args, "system"),
    ...{ sampling, maxTokens: optionalCount(args, "max-tokens") ?? 256, context },
    ...{ stop: severalTexts(args, "stop"), ignoresEnd: flag(args, "ignore-end") },
    chatTemplate:
      chatTemplate ??
      choice.chosen.map((each) => each?.job.data).find((data) => data !== undefined && "path" in data)?.chatTemplate,
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
  uses: [PROMPTS, CHAT],
  useOf: (args) => (flag(args, "repl") ? CHAT : PROMPTS),
  run: (args, io, use) => (use === CHAT ? talk(io, args) : answerAll(io, args)),
};

import type { z } from "zod";
import type { Answer, Answerer } from "../../inference/index.ts";
import { RequestError } from "../request-error.ts";
import type { Asker, STREAMED } from "../route.ts";
import {
  type Answering,
  type AnswerService,
  type AskedAnswers,
  answerAll,
  checkModel,
  checkStreamed,
  finishOf,
  headOf,
  liveOf,
  type OnPiece,
  streamAll,
  usageOf,
} from "./answering.ts";
import type { CompletionLogprobs, completionAnswerSchema } from "./documents.ts";
import type { CompletionRequest } from "./requests.ts";
import { TokenTexts } from "./token-texts.ts";

/** OpenAI's default. */
const MAX_TOKENS = 16;

interface AskedCompletions extends AskedAnswers {
  readonly request: CompletionRequest;
  /** What is in front of a prompt's answer where the prompt is repeated. */
  readonly echoed: (prompt: number, answerer: Answerer) => string;
}

function isTokens(prompt: readonly unknown[]): prompt is readonly number[] {
  return typeof prompt[0] === "number";
}

/** The prompts one by one: a list of numbers is one. */
function promptsOf(prompt: CompletionRequest["prompt"]): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  return isTokens(prompt) ? [prompt] : prompt;
}

function askedOf(request: CompletionRequest): AskedCompletions {
  const { logprobs, echo = false, max_tokens: maxTokens = MAX_TOKENS } = request;
  const written = promptsOf(request.prompt);
  const asked = written.map((each) => (typeof each === "string" ? ({ kind: "text", text: each } as const) : each));
  return {
    ...{ request, asked, maxTokens, continues: true, topTokens: logprobs ?? 0 },
    scoresPrompt: echo && logprobs !== undefined,
    echoed(index, answerer) {
      const prompt = written[index]!;
      if (!echo) return "";
      return typeof prompt === "string" ? prompt : answerer.textOf(prompt);
    },
  };
}

/** The index of a choice's prompt. */
function promptOf({ request: { n = 1 } }: AskedCompletions, choice: number): number {
  return Math.floor(choice / n);
}

/** The tokens of a choice, which come behind its prompt's where that is repeated. */
function textsOf({ request }: AskedCompletions, prompt: number, { answerer, prompts }: Answering): TokenTexts {
  return new TokenTexts(answerer, request.echo === true ? [] : prompts[prompt]!);
}

function joined(first: CompletionLogprobs, second: CompletionLogprobs): CompletionLogprobs {
  return {
    tokens: [...first.tokens, ...second.tokens],
    token_logprobs: [...first.token_logprobs, ...second.token_logprobs],
    top_logprobs: [...first.top_logprobs, ...second.top_logprobs],
    text_offset: [...first.text_offset, ...second.text_offset],
  };
}

/** Completes prompts at once, or as a stream. @throws RequestError */
export async function answerCompletion(
  service: AnswerService,
  request: CompletionRequest,
  asker: Asker,
): Promise<z.input<typeof completionAnswerSchema> | typeof STREAMED> {
  const live = liveOf(service);
  checkStreamed(request);
  if (request.stream === true && request.echo === true && request.logprobs !== undefined)
    throw new RequestError(400, { expected: "echo beside logprobs without stream", at: "echo", got: true });
  checkModel(live, request.model);
  const asked = askedOf(request);
  const head = headOf("cmpl", request);
  if (request.stream === true) return await streamCompletion(service, asked, head, asker);
  const all = await answerAll(service, asked, asker);
  const { answerer, prompts } = all;
  const choice = (answer: Answer, index: number) => {
    const prompt = promptOf(asked, index);
    const texts = textsOf(asked, prompt, all);
    const repeated = asked.scoresPrompt ? texts.prompt(prompts[prompt]!, answer.promptLogProbabilities) : undefined;
    const own = request.logprobs === undefined ? null : texts.completion(answer.tokens);
    return {
      index,
      text: asked.echoed(prompt, answerer) + answer.text,
      logprobs: repeated !== undefined && own !== null ? joined(repeated, own) : own,
      finish_reason: finishOf(answer),
    };
  };
  return { ...head, object: "text_completion", choices: all.answers.map(choice), usage: usageOf(all) };
}

async function streamCompletion(
  service: AnswerService,
  asked: AskedCompletions,
  head: ReturnType<typeof headOf>,
  asker: Asker,
): Promise<typeof STREAMED> {
  const { logprobs, n = 1 } = asked.request;
  const document = { ...head, object: "text_completion", last: { text: "" } };
  return await streamAll(service, asked, asker, document, (answering, tell) => {
    const texts = Array.from({ length: asked.asked.length * n }, (_, index) => {
      const prompt = promptOf(asked, index);
      const text = asked.echoed(prompt, answering.answerer);
      if (text !== "") tell(index, { text });
      return textsOf(asked, prompt, answering);
    });
    const onPiece: OnPiece = ({ choice, text, tokens }) => {
      if (logprobs !== undefined) tell(choice, { text }, { logprobs: texts[choice]!.completion(tokens) });
      else if (text !== "") tell(choice, { text });
    };
    return { onPiece };
  });
}

import { randomInt, randomUUID } from "node:crypto";
import { DeviceError, InputError } from "../../core/index.ts";
import type { AskedPrompt } from "../../datasets/index.ts";
import type { Answer, Answerer, AnswerForm, LiveAnswers } from "../../inference/index.ts";
import type { Limits } from "../limits.ts";
import { RequestError } from "../request-error.ts";
import { type Asker, STREAMED } from "../route.ts";
import type { Shares } from "../shares.ts";
import { AnswerRefusal } from "./answer-refusal.ts";
import type { Usage } from "./documents.ts";
import { type ChatRequest, type CompletionRequest, MOST_CHOICES } from "./requests.ts";

/** What answers, and how many requests it works on. */
export interface AnswerService {
  /** Undefined where the server was told to answer nothing. */
  readonly live: LiveAnswers | undefined;
  readonly limits: Pick<Limits, "answerRequests">;
  /** Of requests that are answered now. */
  readonly places: Shares;
}

/** The prompts of a request, and how they are answered. */
export interface AskedAnswers {
  readonly request: ChatRequest | CompletionRequest;
  readonly asked: readonly (AskedPrompt | readonly number[])[];
  /** As many as the context has left when undefined. */
  readonly maxTokens: number | undefined;
  readonly continues: boolean;
  readonly topTokens: number;
  readonly scoresPrompt: boolean;
  /** Any answer where undefined. */
  readonly form?: AnswerForm | undefined;
  /** Special tokens that are part of the answer. */
  readonly kept?: ReadonlySet<string>;
}

/** A piece of a choice's text, with the tokens that have come since the one before. */
export interface Piece {
  readonly choice: number;
  readonly text: string;
  readonly tokens: Answer["tokens"];
}

/** Hears of pieces at once. */
export type OnPiece = (piece: Piece) => void;

/** Hears of a stream's pieces, and of the end of each choice, of which it may say why it ended. */
export interface StreamEars {
  readonly onPiece: OnPiece;
  readonly onEnd?: (choice: number) => string | undefined;
}

/** @throws RequestError where this server answers nothing */
export function liveOf({ live }: AnswerService): LiveAnswers {
  if (live !== undefined) return live;
  throw new RequestError(400, { expected: "a server that answers prompts", got: "one with --no-answers" });
}

/** @throws AnswerRefusal where nothing has the name */
export function checkModel(live: LiveAnswers, name: string): void {
  const MOST = 50;
  const names = live.models().map((each) => each.name);
  if (names.includes(name)) return;
  const more = names.length > MOST ? ` and ${names.length - MOST} more` : "";
  throw new AnswerRefusal(404, "model_not_found", {
    expected: `a model of this server (${names.slice(0, MOST).join(", ")}${more})`,
    at: "model",
    got: name,
  });
}

function checkLength(prompt: readonly number[], most: number): void {
  if (prompt.length < most) return;
  throw new AnswerRefusal(400, "context_length_exceeded", {
    expected: `a prompt of fewer than ${most} tokens`,
    at: "prompt",
    got: prompt.length,
    hint: "--answers-context of `loratwin serve` sets how many a prompt and its answer have, up to the model's own limit.",
  });
}

/** @throws AnswerRefusal where too many are answered */
function takePlace({ places, limits }: AnswerService, key: string): Disposable {
  const most = limits.answerRequests;
  const leave = places.take(key);
  if (leave === undefined)
    throw new AnswerRefusal(429, "rate_limit_exceeded", {
      expected: `at most ${most} requests for answers at a time`,
      hint: "Ask again when some have been answered.",
    });
  return { [Symbol.dispose]: leave };
}

/** What somebody did wrong, or the device could not do, as a refusal. */
function refusedOf(error: unknown): unknown {
  if (error instanceof InputError) return new RequestError(400, error.facts, { cause: error });
  if (error instanceof DeviceError) return new AnswerRefusal(503, "device_failed", error.facts, { cause: error });
  return error;
}

/** Waits for all, also where one fails: an adapter is not taken from a row that is still answered. */
async function allOf(started: readonly Promise<Answer>[]): Promise<readonly Answer[]> {
  const ended = await Promise.allSettled(started);
  return ended.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
}

/** How a request's tokens are drawn. @throws RequestError for a bias of a token that the model has not */
function samplingOf(request: AskedAnswers["request"], answerer: Answerer) {
  const { temperature = 1, top_p: topP = 1, min_p: minP = 0, top_k: topK = 0 } = request;
  const { presence_penalty: presencePenalty = 0, frequency_penalty: frequencyPenalty = 0 } = request;
  const { repetition_penalty: repetitionPenalty = 1, logit_bias: given = {} } = request;
  const bias = new Map(Object.entries(given).map(([token, value]) => [Number(token), value]));
  for (const token of bias.keys()) {
    const least = answerer.vocabularySize;
    if (token >= least)
      throw new RequestError(400, { expected: `tokens from 0 to ${least - 1}`, at: "logit_bias", got: token });
  }
  return {
    ...{ temperature, topP, minP, topK: Math.max(0, topK), presencePenalty, frequencyPenalty, repetitionPenalty },
    ...(bias.size === 0 ? {} : { bias }),
  };
}

/** Who answers, and the tokens of all prompts. */
export interface Answering {
  readonly answerer: Answerer;
  readonly prompts: readonly (readonly number[])[];
}

/** All choices, those of the first prompt first. */
interface AllAnswers extends Answering {
  readonly answers: readonly Answer[];
}

/**
 * Answers all prompts. `begin` is called when nothing can be refused any more; what it returns hears of the pieces.
 * @throws RequestError
 */
export async function answerAll(
  service: AnswerService,
  asked: AskedAnswers,
  { signal, key }: Pick<Asker, "signal" | "key">,
  begin?: (answering: Answering) => OnPiece,
): Promise<AllAnswers> {
  const { request, maxTokens, form, kept = new Set() } = asked;
  const { continues, topTokens, scoresPrompt } = asked;
  const live = liveOf(service);
  const { n = 1, stop = [] } = request;
  if (n * asked.asked.length > MOST_CHOICES)
    throw new RequestError(400, { expected: `at most ${MOST_CHOICES} choices of all prompts`, at: "n", got: n });
  using _place = takePlace(service, key);
  const seed = request.seed ?? randomInt(2 ** 47);
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave);
  try {
    return await live.ask(request.model, async (answerer, adapter) => {
      const most = Math.min(live.context, answerer.mostTokens);
      const prompts: (readonly number[])[] = [];
      for (const each of asked.asked) {
        const prompt = "kind" in each ? await answerer.prompt(each, gone.signal) : each;
        checkLength(prompt, most);
        answerer.checkPrompt(prompt);
        prompts.push(prompt);
      }
      const sampling = samplingOf(request, answerer);
      const constraint = form === undefined ? undefined : answerer.constraint(form, kept);
      constraint?.begin();
      const onPiece = begin?.({ answerer, prompts });
      const rows = prompts.flatMap((prompt) => Array.from({ length: n }, () => prompt));
      const answered = rows.map(async (prompt, choice) => {
        try {
          return await answerer.answer({
            ...{ prompt, adapter, continues, topTokens, scoresPrompt, stop: [stop].flat(), signal: gone.signal },
            ...{ kept, constraint, asker: key, sampling: { ...sampling, seed: (seed + choice) % 2 ** 53 } },
            maxTokens: Math.min(maxTokens ?? most, most - prompt.length),
            ...(onPiece === undefined ? {} : { onText: (text, tokens) => onPiece({ choice, text, tokens }) }),
          });
        } catch (error) {
          leave();
          throw error;
        }
      });
      return { answers: await allOf(answered), answerer, prompts };
    });
  } catch (error) {
    // A checkpoint may have been put away since it was looked for.
    if (error instanceof InputError) checkModel(live, request.model);
    throw refusedOf(error);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Sends a piece of a choice; `more` is what it has beside its index. */
type TellChoice = (index: number, piece: object, more?: object) => void;

/**
 * Answers all prompts as a stream of documents of the kind `object`. `last`: the piece with which a choice ends.
 * @throws RequestError before the stream begins
 */
export async function streamAll(
  service: AnswerService,
  asked: AskedAnswers,
  asker: Asker,
  { last, ...document }: ReturnType<typeof headOf> & { readonly object: string; readonly last: object },
  begin: (answering: Answering, tell: TellChoice) => StreamEars,
): Promise<typeof STREAMED> {
  const withUsage = asked.request.stream_options?.include_usage === true;
  let send: (data: string) => void = () => {};
  const chunk = (choices: readonly unknown[], usage: unknown = null): void =>
    send(JSON.stringify({ ...document, choices, ...(withUsage ? { usage } : {}) }));
  const tell: TellChoice = (index, piece, more = {}) =>
    chunk([{ index, ...piece, logprobs: null, finish_reason: null, ...more }]);
  let ears: StreamEars | undefined;
  const all = await answerAll(service, asked, asker, (answering) => {
    send = asker.stream();
    ears = begin(answering, tell);
    return ears.onPiece;
  });
  all.answers.forEach((answer, index) => {
    tell(index, last, { finish_reason: ears?.onEnd?.(index) ?? finishOf(answer) });
  });
  if (withUsage) chunk([], usageOf(all));
  send("[DONE]");
  return STREAMED;
}

/** Each prompt counts once, whatever comes of it. */
export function usageOf({ prompts, answers }: Pick<AllAnswers, "prompts" | "answers">): Usage {
  const asked = prompts.reduce((sum, { length }) => sum + length, 0);
  const answered = answers.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { prompt_tokens: asked, completion_tokens: answered, total_tokens: asked + answered };
}

/** What all documents of an answer begin with. */
export function headOf(prefix: string, { model }: ChatRequest | CompletionRequest) {
  return { id: `${prefix}-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
}

/** An answer that was broken off is told to nobody. */
export function finishOf({ end }: Answer): "stop" | "length" {
  return end === "stop" ? "stop" : "length";
}

/** @throws RequestError for what means something in a stream alone */
export function checkStreamed({ stream, stream_options: options }: ChatRequest | CompletionRequest): void {
  if (options === undefined || stream === true) return;
  throw new RequestError(400, { expected: "stream_options beside stream: true alone", at: "stream_options" });
}

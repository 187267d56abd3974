import type { z } from "zod";
import { InputError, isMapping } from "../../core/index.ts";
import { type AskedPrompt, type ChatMessage, chatIn, withTemplateText } from "../../datasets/index.ts";
import type { Answer, AnswerForm, LiveAnswers } from "../../inference/index.ts";
import { RequestError } from "../request-error.ts";
import type { Asker, STREAMED } from "../route.ts";
import {
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
import type { chatAnswerSchema } from "./documents.ts";
import type { AskedMessage, ChatRequest } from "./requests.ts";
import { TokenTexts } from "./token-texts.ts";
import { type CallForm, CallStream, calledForm, callFormOf } from "./tool-calls.ts";

/** Arguments as an object, which templates write as JSON. */
function callOf(call: NonNullable<AskedMessage["tool_calls"]>[number]): unknown {
  const { arguments: given, ...called } = call.function;
  if (typeof given !== "string") return call;
  try {
    const parsed: unknown = JSON.parse(given);
    return isMapping(parsed) ? { ...call, function: { ...called, arguments: parsed } } : call;
  } catch {
    return call;
  }
}

/** A message as chat templates take it. Parts of a text are lines, as vLLM joins them. */
function messageOf({ role, content = "", tool_calls: calls, ...others }: AskedMessage): ChatMessage {
  return {
    ...others,
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join("\n"),
    ...(calls === undefined ? {} : { tool_calls: calls.map(callOf) }),
  };
}

/** The chat as the adapter's rows have one. @throws RequestError for one that they cannot have */
async function promptOf(live: LiveAnswers, request: ChatRequest): Promise<AskedPrompt> {
  const { messages, tools, tool_choice: choice, chat_template_kwargs: variables } = request;
  try {
    const asked = chatIn(await live.form(request.model), messages.map(messageOf), {
      ...(tools === undefined || choice === "none" ? {} : { tools }),
      ...(variables === undefined ? {} : { variables }),
    });
    if (asked.kind === "chat" && asked.template === undefined && live.chatTemplate === undefined)
      throw new InputError({
        expected: "a model with a chat template",
        at: "model",
        got: request.model,
        hint: "/v1/completions takes a prompt without one. A job's data.chatTemplate names one.",
      });
    return asked;
  } catch (error) {
    if (error instanceof InputError) throw new RequestError(400, error.facts, { cause: error });
    throw error;
  }
}

interface AskedChat extends AskedAnswers {
  readonly request: ChatRequest;
  /** How the answer's calls are written; undefined where it has none that are known. */
  readonly callForm: CallForm | undefined;
}

/** How calls are written by what answers. @throws RequestError where that is to be known, and is not */
function callFormFor(live: LiveAnswers, request: ChatRequest, asked: AskedPrompt): CallForm | undefined {
  const { tools = [], tool_choice: choice = "auto" } = request;
  const isForced = choice === "required" || typeof choice === "object";
  const names = tools.map((tool) => tool.function.name);
  const only = typeof choice === "object" ? choice.function.name : undefined;
  if (isForced && (names.length === 0 || (only !== undefined && !names.includes(only))))
    throw new RequestError(400, { expected: "a tool of `tools`", at: "tool_choice", got: choice });
  if (names.length === 0 || choice === "none") return undefined;
  const named = asked.kind === "chat" ? asked.template : undefined;
  const own = withTemplateText({ path: "", chatTemplate: named }, undefined, "data").chatTemplate;
  const form = callFormOf(own ?? live.chatTemplate ?? "");
  if (form !== undefined || !isForced) return form;
  throw new RequestError(400, {
    expected: "auto or none for this model's chat template",
    at: "tool_choice",
    got: choice,
  });
}

/** What the answer has to be. @throws RequestError for two forms at once */
function formOf(
  { response_format: format, ...request }: ChatRequest,
  calls: CallForm | undefined,
): AnswerForm | undefined {
  const { tools = [], tool_choice: choice = "auto" } = request;
  const isForced = choice === "required" || typeof choice === "object";
  if (format === undefined || format.type === "text")
    return isForced
      ? calledForm(calls!, tools, typeof choice === "object" ? choice.function.name : undefined)
      : undefined;
  if (tools.length > 0 && choice !== "none") {
    const hint = "An answer of that form calls no tool.";
    throw new RequestError(400, {
      expected: "tool_choice: none beside it",
      at: "response_format",
      got: format.type,
      hint,
    });
  }
  const at = "response_format.json_schema.schema";
  return [[{ schema: format.type === "json_schema" ? (format.json_schema.schema ?? {}) : { type: "object" }, at }]];
}

async function askedOf(live: LiveAnswers, request: ChatRequest): Promise<AskedChat> {
  const { logprobs = false, top_logprobs: top } = request;
  if (top !== undefined && !logprobs)
    throw new RequestError(400, { expected: "logprobs: true beside it", at: "top_logprobs", got: top });
  const asked = await promptOf(live, request);
  const callForm = callFormFor(live, request, asked);
  return {
    ...{ request, callForm, form: formOf(request, callForm), kept: new Set(callForm?.kept) },
    asked: [asked],
    maxTokens: request.max_completion_tokens ?? request.max_tokens,
    ...{ continues: false, topTokens: top ?? 0, scoresPrompt: false },
  };
}

function callStreamOf({ request, callForm }: AskedChat): CallStream {
  return new CallStream(callForm, request.tools?.map((tool) => tool.function.name) ?? []);
}

/** Answers a chat at once, or as a stream. @throws RequestError */
export async function answerChat(
  service: AnswerService,
  request: ChatRequest,
  asker: Asker,
): Promise<z.input<typeof chatAnswerSchema> | typeof STREAMED> {
  const live = liveOf(service);
  checkStreamed(request);
  checkModel(live, request.model);
  const asked = await askedOf(live, request);
  const head = headOf("chatcmpl", request);
  if (request.stream === true) return await streamChat(service, asked, head, asker);
  const all = await answerAll(service, asked, asker);
  const choice = (answer: Answer, index: number) => {
    const stream = callStreamOf(asked);
    const before = stream.push(answer.text);
    const { text, calls } = stream.end();
    const content = (before + text).trimStart();
    const called = calls.length === 0 ? {} : { tool_calls: [...calls] };
    return {
      index,
      message: {
        role: "assistant" as const,
        content: calls.length > 0 && content === "" ? null : content,
        refusal: null,
        ...called,
      },
      logprobs: request.logprobs === true ? new TokenTexts(all.answerer, []).chat(answer.tokens) : null,
      finish_reason: calls.length > 0 ? ("tool_calls" as const) : finishOf(answer),
    };
  };
  return { ...head, object: "chat.completion", choices: all.answers.map(choice), usage: usageOf(all) };
}

async function streamChat(
  service: AnswerService,
  asked: AskedChat,
  head: ReturnType<typeof headOf>,
  asker: Asker,
): Promise<typeof STREAMED> {
  const { logprobs, n = 1 } = asked.request;
  const document = { ...head, object: "chat.completion.chunk", last: { delta: {} } };
  return await streamAll(service, asked, asker, document, ({ answerer }, tell) => {
    const texts = Array.from({ length: n }, (_, index) => {
      tell(index, { delta: { role: "assistant", content: "", refusal: null } });
      return { tokens: new TokenTexts(answerer, []), calls: callStreamOf(asked), isFirst: true };
    });
    const say = (choice: number, text: string, more: object, isTold: boolean): void => {
      const known = texts[choice]!;
      const content = known.isFirst ? text.trimStart() : text;
      known.isFirst &&= content === "";
      if (content !== "" || isTold) tell(choice, { delta: { content } }, more);
    };
    const onPiece: OnPiece = ({ choice, text, tokens }) => {
      const { tokens: texts_, calls } = texts[choice]!;
      const more = logprobs === true ? { logprobs: texts_.chat(tokens) } : {};
      say(choice, calls.push(text), more, logprobs === true);
    };
    const onEnd = (choice: number): string | undefined => {
      const { text, calls } = texts[choice]!.calls.end();
      say(choice, text, {}, false);
      calls.forEach((call, index) => {
        tell(choice, { delta: { tool_calls: [{ index, ...call }] } });
      });
      return calls.length > 0 ? "tool_calls" : undefined;
    };
    return { onPiece, onEnd };
  });
}

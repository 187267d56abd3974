import type { z } from "zod";
import { InputError, isMapping } from "../../core/index.ts";
import { type AskedPrompt, type ChatMessage, chatIn } from "../../datasets/index.ts";
import type { Answer, LiveAnswers } from "../../inference/index.ts";
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
  streamAll,
  usageOf,
} from "./answering.ts";
import type { chatAnswerSchema } from "./documents.ts";
import type { AskedMessage, ChatRequest } from "./requests.ts";
import { TokenTexts } from "./token-texts.ts";

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
    if (asked.kind === "chat" && asked.template === undefined && !live.hasChatTemplate)
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

async function askedOf(live: LiveAnswers, request: ChatRequest): Promise<AskedAnswers> {
  const { logprobs = false, top_logprobs: top } = request;
  if (top !== undefined && !logprobs)
    throw new RequestError(400, { expected: "logprobs: true beside it", at: "top_logprobs", got: top });
  return {
    request,
    asked: [await promptOf(live, request)],
    maxTokens: request.max_completion_tokens ?? request.max_tokens,
    ...{ continues: false, topTokens: top ?? 0, scoresPrompt: false },
  };
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
  const choice = (answer: Answer, index: number) => ({
    index,
    message: { role: "assistant" as const, content: answer.text.trimStart(), refusal: null },
    logprobs: request.logprobs === true ? new TokenTexts(all.answerer, []).chat(answer.tokens) : null,
    finish_reason: finishOf(answer),
  });
  return { ...head, object: "chat.completion", choices: all.answers.map(choice), usage: usageOf(all) };
}

async function streamChat(
  service: AnswerService,
  asked: AskedAnswers,
  head: ReturnType<typeof headOf>,
  asker: Asker,
): Promise<typeof STREAMED> {
  const { logprobs, n = 1 } = asked.request;
  const document = { ...head, object: "chat.completion.chunk", last: { delta: {} } };
  return await streamAll(service, asked, asker, document, ({ answerer }, tell) => {
    const texts = Array.from({ length: n }, (_, index) => {
      tell(index, { delta: { role: "assistant", content: "", refusal: null } });
      return { tokens: new TokenTexts(answerer, []), isFirst: true };
    });
    return ({ choice, text, tokens }) => {
      const known = texts[choice]!;
      const content = known.isFirst ? text.trimStart() : text;
      known.isFirst &&= content === "";
      if (content !== "" || logprobs === true)
        tell(choice, { delta: { content } }, logprobs === true ? { logprobs: known.tokens.chat(tokens) } : {});
    };
  });
}

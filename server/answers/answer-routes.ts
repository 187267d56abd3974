import { jsonRoute, type Route } from "../route.ts";
import { type AnswerService, checkModel, liveOf } from "./answering.ts";
import { answerChat } from "./chat.ts";
import { answerCompletion } from "./completions.ts";
import { chatAnswerSchema, completionAnswerSchema, modelParamsSchema, modelSchema, modelsSchema } from "./documents.ts";
import { chatRequestSchema, completionRequestSchema, presentIn } from "./requests.ts";

/** What a person is told of these routes wherever they are named. */
const PURPOSE =
  "For trying adapters, not for serving traffic: while it is used it holds a second copy of the model's weights and takes time from training; after some minutes without a request it gives the memory back.";

interface NamedModel {
  readonly name: string;
  readonly writtenMs: number | undefined;
}

function modelOf({ name, writtenMs = 0 }: NamedModel) {
  return { id: name, object: "model" as const, created: Math.floor(writtenMs / 1000), owned_by: "loratwin" };
}

/** Routes that answer prompts, as OpenAI's clients ask. */
export function answerRoutes(service: AnswerService): readonly Route[] {
  return [
    jsonRoute({
      method: "GET",
      path: "/v1/models",
      id: "listModels",
      summary: "What can be asked: base, and the adapters and checkpoints of jobs.",
      answers: modelsSchema,
      errors: "openai",
      handle: async () => ({ object: "list" as const, data: liveOf(service).models().map(modelOf) }),
    }),
    jsonRoute({
      method: "GET",
      path: "/v1/models/:name",
      id: "getModel",
      summary: "One of these.",
      params: modelParamsSchema,
      answers: modelSchema,
      errors: "openai",
      handle: async ({ params: { name } }) => {
        const live = liveOf(service);
        checkModel(live, name);
        return modelOf(live.models().find((each) => each.name === name) ?? { name, writtenMs: undefined });
      },
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/chat/completions",
      id: "createChatCompletion",
      summary: `Answers a chat as OpenAI's API does. ${PURPOSE}`,
      body: chatRequestSchema,
      prepare: presentIn,
      refusals: [429, 503],
      answers: chatAnswerSchema,
      errors: "openai",
      streams: true,
      handle: ({ body }, asker) => answerChat(service, body, asker),
    }),
    jsonRoute({
      method: "POST",
      path: "/v1/completions",
      id: "createCompletion",
      summary: `Goes on with prompts as OpenAI's API does. ${PURPOSE}`,
      body: completionRequestSchema,
      prepare: presentIn,
      refusals: [429, 503],
      answers: completionAnswerSchema,
      errors: "openai",
      streams: true,
      handle: ({ body }, asker) => answerCompletion(service, body, asker),
    }),
  ];
}

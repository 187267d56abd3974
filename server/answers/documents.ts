import { z } from "zod";

const usageSchema = z.strictObject({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
});
export type Usage = Readonly<z.infer<typeof usageSchema>>;

export const modelSchema = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  /** When its file was written, in seconds since 1970; 0 of the base. */
  created: z.int().min(0),
  owned_by: z.string(),
});

export const modelsSchema = z.strictObject({ object: z.literal("list"), data: z.array(modelSchema) });

const endSchema = z.enum(["stop", "length"]);

const calledSchema = z.strictObject({
  id: z.string(),
  type: z.literal("function"),
  /** Arguments as JSON. */
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
export type Called = Readonly<z.infer<typeof calledSchema>>;

const tokenSchema = z.strictObject({
  token: z.string(),
  logprob: z.number(),
  /** In UTF-8; null of a part of a character. */
  bytes: z.array(z.int().min(0).max(255)).nullable(),
});
export type SaidToken = Readonly<z.infer<typeof tokenSchema>>;

const chatLogprobsSchema = z.strictObject({
  content: z.array(z.strictObject({ ...tokenSchema.shape, top_logprobs: z.array(tokenSchema) })),
  refusal: z.null(),
});
export type ChatLogprobs = z.infer<typeof chatLogprobsSchema>;

export const chatAnswerSchema = z.strictObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.int().min(0),
      message: z.strictObject({
        role: z.literal("assistant"),
        /** Null where tools are called without a word. */
        content: z.string().nullable(),
        refusal: z.null(),
        tool_calls: z.array(calledSchema).optional(),
      }),
      logprobs: chatLogprobsSchema.nullable(),
      finish_reason: z.enum([...endSchema.options, "tool_calls"]),
    }),
  ),
  usage: usageSchema,
});

const completionLogprobsSchema = z.strictObject({
  tokens: z.array(z.string()),
  /** Null of a prompt's first token. */
  token_logprobs: z.array(z.number().nullable()),
  /** Null of a prompt's tokens. */
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  /** Where in the choice's text each token begins. */
  text_offset: z.array(z.int().min(0)),
});
export type CompletionLogprobs = z.infer<typeof completionLogprobsSchema>;

export const completionAnswerSchema = z.strictObject({
  id: z.string(),
  object: z.literal("text_completion"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.int().min(0),
      text: z.string(),
      logprobs: completionLogprobsSchema.nullable(),
      finish_reason: endSchema,
    }),
  ),
  usage: usageSchema,
});

/** How these routes refuse. */
export const answerErrorSchema = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

export const modelParamsSchema = z.strictObject({ name: z.string().min(1).max(256) });

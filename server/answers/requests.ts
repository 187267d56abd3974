import { z } from "zod";

/** The most choices of a request, and the most tokens of which it is told beside each that was drawn. */
export const MOST_CHOICES = 32;
const MOST_TOP = 20;

/** Keys that change no answer here. */
const IGNORED = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
};

/** The most biased tokens of a request. Source: OpenAI's API takes as many. */
const MOST_BIASED = 300;

const penaltySchema = z.number().min(-2).max(2).optional();

const stopSchema = z.string().min(1).max(256);

/** How tokens are drawn and sent, of both forms. */
const SHARED = {
  model: z.string().min(1).max(256),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  /** As vLLM has it: 0 and -1 are all tokens. */
  top_k: z.int().min(-1).optional(),
  min_p: z.number().min(0).max(1).optional(),
  n: z.int().min(1).max(MOST_CHOICES).optional(),
  stop: z.union([stopSchema, z.array(stopSchema).max(16)]).optional(),
  seed: z.int().min(0).optional(),
  stream: z.boolean().optional(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.unknown().optional() })
    .optional(),
  presence_penalty: penaltySchema,
  frequency_penalty: penaltySchema,
  /** As vLLM has it. */
  repetition_penalty: z.number().min(0.01).max(100).optional(),
  /** By tokens. */
  logit_bias: z
    .record(z.string().regex(/^(0|[1-9]\d{0,8})$/), z.number().min(-100).max(100))
    .refine((all) => Object.keys(all).length <= MOST_BIASED, `at most ${MOST_BIASED} tokens`)
    .optional(),
  ...IGNORED,
};

const partSchema = z.strictObject({ type: z.literal("text"), text: z.string() });

const callSchema = z.looseObject({
  function: z.looseObject({ name: z.string(), arguments: z.unknown().optional() }),
});

const messageSchema = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(partSchema)]).optional(),
  name: z.string().optional(),
  reasoning_content: z.string().optional(),
  tool_calls: z.array(callSchema).optional(),
  tool_call_id: z.string().optional(),
});

const nameSchema = z.string().regex(/^[\w.-]{1,64}$/);

const toolSchema = z.looseObject({
  type: z.literal("function"),
  function: z.looseObject({ name: nameSchema, parameters: z.record(z.string(), z.unknown()).optional() }),
});

const formatSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: nameSchema,
      description: z.string().optional(),
      schema: z.record(z.string(), z.unknown()).optional(),
      /** Every answer keeps to its schema. */
      strict: z.boolean().nullable().optional(),
    }),
  }),
]);

export type AskedMessage = Readonly<z.infer<typeof messageSchema>>;

export const chatRequestSchema = z.strictObject({
  ...SHARED,
  messages: z.array(messageSchema).min(1),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(MOST_TOP).optional(),
  /** The chat template gets them. */
  tools: z.array(toolSchema).max(128).optional(),
  tool_choice: z
    .union([
      z.enum(["auto", "none", "required"]),
      z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: nameSchema }) }),
    ])
    .optional(),
  parallel_tool_calls: z.unknown().optional(),
  /** Variables of the chat template, as vLLM has them. */
  chat_template_kwargs: z.record(z.string(), z.unknown()).optional(),
  response_format: formatSchema.optional(),
  modalities: z.tuple([z.literal("text")]).optional(),
});
export type ChatRequest = Readonly<z.infer<typeof chatRequestSchema>>;

const tokensSchema = z.array(z.int().min(0)).min(1);

export const completionRequestSchema = z.strictObject({
  ...SHARED,
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1).max(MOST_CHOICES),
    tokensSchema,
    z.array(tokensSchema).min(1).max(MOST_CHOICES),
  ]),
  max_tokens: z.int().min(0).optional(),
  logprobs: z.int().min(0).max(MOST_TOP).optional(),
  echo: z.boolean().optional(),
  best_of: z.literal(1).optional(),
});
export type CompletionRequest = Readonly<z.infer<typeof completionRequestSchema>>;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** A body without what is null in it and in its messages: clients write null for what they leave out. */
export function presentIn(body: unknown): unknown {
  const present = withoutNulls(body);
  if (!isObject(present) || !Array.isArray(present["messages"])) return present;
  return { ...present, messages: present["messages"].map(withoutNulls) };
}

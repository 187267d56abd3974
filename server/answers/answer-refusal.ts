import { type ErrorFacts, formatFacts } from "../../core/index.ts";
import { RequestError } from "../request-error.ts";

/** Codes that OpenAI's clients know. */
export type AnswerCode =
  | "context_length_exceeded"
  | "device_failed"
  | "invalid_api_key"
  | "model_not_found"
  | "rate_limit_exceeded";

/** A request for an answer that is not granted. */
export class AnswerRefusal extends RequestError {
  readonly code: AnswerCode;

  constructor(status: number, code: AnswerCode, facts: ErrorFacts, options?: ErrorOptions) {
    super(status, facts, options);
    this.code = code;
  }
}

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

const CODES: Readonly<Record<number, AnswerCode>> = { 401: "invalid_api_key", 429: "rate_limit_exceeded" };

/** A refusal in the form that OpenAI's clients read. Files of the server are not named. */
export function answerErrorOf(refusal: RequestError) {
  const { status, facts } = refusal;
  const { file: _file, line: _line, column: _column, ...told } = facts;
  const code = refusal instanceof AnswerRefusal ? refusal.code : (CODES[status] ?? null);
  const type = TYPES[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");
  return { error: { message: formatFacts(told), type, param: facts.at ?? null, code } };
}

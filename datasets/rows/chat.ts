import { InputError, ownValue } from "../../core/index.ts";
import { type DataRecord, fieldAt, type Place } from "../records/record.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";
import { fieldsOf, type RowKind, rowOfParts } from "./row-kind.ts";

function messagesOf(record: DataRecord, field: string): readonly ChatMessage[] {
  const value = ownValue(fieldsOf(record), field);
  const at = fieldAt(record.place, field);
  if (!Array.isArray(value) || value.length === 0) {
    const expected = "a list of messages {role, content}";
    throw new InputError({ expected, ...record.place, at, got: value ?? "no such field" });
  }
  for (const [index, message] of value.entries()) {
    for (const key of ["role", "content"]) {
      const text = (message as Record<string, unknown> | null)?.[key];
      if (typeof text !== "string") {
        throw new InputError({
          expected: "a text",
          ...record.place,
          at: `${at}[${index}].${key}`,
          got: text ?? "no such field",
        });
      }
    }
  }
  return value as readonly ChatMessage[];
}

/** Pieces of the rendered conversation: what the model is to say is scored, all else is not. */
function splitTurns(messages: readonly ChatMessage[], place: Place, { renderChat }: TextTokenizer) {
  const whole = renderChat(messages, false);
  const pieces: { text: string; scored: boolean }[] = [];
  let done = 0;
  const advance = (to: string, scored: boolean, index: number): void => {
    if (!whole.startsWith(to) || to.length < done) {
      const hint = "Turns can only be told apart where each one is rendered the same whatever follows it.";
      throw new InputError({
        expected: "a chat template that writes turns one after another",
        ...place,
        at: `messages[${index}]`,
        hint,
      });
    }
    pieces.push({ text: whole.slice(done, to.length), scored });
    done = to.length;
  };
  for (const [index, { role }] of messages.entries()) {
    if (role !== "assistant") continue;
    advance(renderChat(messages.slice(0, index), true), false, index);
    advance(renderChat(messages.slice(0, index + 1), false), true, index);
  }
  pieces.push({ text: whole.slice(done), scored: false });
  return pieces.filter(({ text }) => text !== "");
}

/**
 * A conversation through the model's chat template, with only the assistant's turns scored, their end marks included.
 */
export const chatRow: RowKind = (record, { source, tokenizer, mostTokens }) => {
  const messages = messagesOf(record, source.field ?? "messages");
  return rowOfParts(tokenizer(), splitTurns(messages, record.place, tokenizer()), mostTokens, false);
};

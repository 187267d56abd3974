import { InputError } from "../../core/index.ts";
import { fieldAt, type Place } from "../records/record.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";
import { type Conversation, conversationOf, type Turn } from "./conversation.ts";
import { type RowKind, type RowPart, rowOfParts } from "./row-kind.ts";

/** A scored turn without what stands behind its end token: the line break that a template writes there says nothing. */
function splitEnd(text: string, { specialTexts }: TextTokenizer): readonly RowPart[] {
  const said = text.trimEnd();
  if (said.length === text.length || !specialTexts.some((token) => said.endsWith(token)))
    return [{ text, scored: true }];
  return [
    { text: said, scored: true },
    { text: text.slice(said.length), scored: false },
  ];
}

/** A turn of which pieces are not scored. @throws InputError where the template changes its text */
function splitSpans(text: string, { message, spans }: Turn, place: Place, index: number): readonly RowPart[] {
  const start = text.indexOf(message.content);
  if (start < 0)
    throw new InputError({
      expected: "a chat template that writes a turn's text as it is",
      ...place,
      at: `messages[${index}].content`,
      hint: "Only then it can be told which of its parts are not trained.",
    });
  const parts: RowPart[] = start === 0 ? [] : [{ text: text.slice(0, start), scored: true }];
  for (const span of spans!) parts.push({ text: span.text, scored: span.isTrained, isStrict: true });
  parts.push({ text: text.slice(start + message.content.length), scored: true });
  return parts;
}

/** Keys of a message that templates write as thoughts before its content. */
const THOUGHTS = ["reasoning_content", "reasoning", "thinking"] as const;
/** Characters of no text. */
const MARK = "\u0001";

function commonStart(a: string, b: string): number {
  let count = 0;
  while (count < a.length && a[count] === b[count]) count += 1;
  return count;
}

function commonEnd(a: string, b: string): number {
  let count = 0;
  while (count < a.length && count < b.length && a[a.length - 1 - count] === b[b.length - 1 - count]) count += 1;
  return count;
}

type Render = (messages: readonly ChatMessage[], isNext: boolean) => string;

/**
 * Where a turn stands in the whole conversation, with its end token: what changes when its texts do. For templates that
 * write a turn otherwise once others follow it, such as those that leave earlier thoughts out. Undefined where that does
 * not tell.
 */
function locateTurn(
  whole: string,
  messages: readonly ChatMessage[],
  index: number,
  { specialTexts }: TextTokenizer,
  render: Render,
): readonly [start: number, end: number] | undefined {
  const own = messages[index]!;
  const marked = (text: unknown): unknown => (typeof text === "string" && text !== "" ? `${MARK}${text}${MARK}` : text);
  const texts = Object.fromEntries(
    ["content", ...THOUGHTS].filter((key) => key in own).map((key) => [key, marked(own[key])]),
  );
  const changed = render(
    messages.map((message, at) => (at === index ? { ...message, ...texts } : message)),
    false,
  );
  const start = commonStart(whole, changed);
  const end = whole.length - commonEnd(whole.slice(start), changed.slice(start));
  if (own.content === "" || !whole.slice(start, end).includes(own.content.trim())) return undefined;
  const after = specialTexts.find((token) => whole.startsWith(token, end));
  return [start, end + (after?.length ?? 0)];
}

/** Pieces of the rendered conversation: what the model is to say is scored, all else is not. */
function splitTurns({ turns, tools }: Conversation, place: Place, tokenizer: TextTokenizer): readonly RowPart[] {
  const messages = turns.map(({ message }) => message);
  const render: Render = (some, isNext) => tokenizer.renderChat(some, isNext, tools);
  const whole = render(messages, false);
  if (tools !== undefined && whole === tokenizer.renderChat(messages, false))
    throw new InputError({
      expected: "a chat template that writes tools",
      ...place,
      at: fieldAt(place, "tools"),
      hint: "Without them the model would learn to call what nobody has told it of. Take the column out to train so.",
    });
  const pieces: RowPart[] = [];
  let done = 0;
  for (const [index, turn] of turns.entries()) {
    if (!turn.isTrained) continue;
    const before = render(messages.slice(0, index), true);
    const behind = render(messages.slice(0, index + 1), false);
    const isStraight = before.length >= done && behind.startsWith(before) && whole.startsWith(behind);
    const found = isStraight
      ? ([before.length, behind.length] as const)
      : locateTurn(whole, messages, index, tokenizer, render);
    if (found === undefined || found[0] < done)
      throw new InputError({
        expected: "a chat template in which each turn can be found",
        ...place,
        at: `messages[${index}]`,
        hint: "This one writes the turn otherwise when others follow it, or leaves it out.",
      });
    pieces.push({ text: whole.slice(done, found[0]), scored: false });
    const text = whole.slice(...found);
    done = found[1];
    const own = turn.spans === undefined ? [{ text, scored: true }] : splitSpans(text, turn, place, index);
    const last = own.at(-1)!;
    pieces.push(...own.slice(0, -1), ...(last.scored ? splitEnd(last.text, tokenizer) : [last]));
  }
  pieces.push({ text: whole.slice(done), scored: false });
  return pieces.filter(({ text }) => text !== "");
}

/** A conversation through the model's chat template, with only the assistant's turns scored, their end tokens included. */
export const chatRow: RowKind = (record, { source, tokenizer, mostTokens }) =>
  rowOfParts(tokenizer(), splitTurns(conversationOf(record, source), record.place, tokenizer()), mostTokens, false);

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

/** Keys of a message that templates write as thoughts before its content. */
const THOUGHTS = ["reasoning_content", "reasoning", "thinking"] as const;
/** A character of no text. */
const MARK = "\u0001";

type Render = (messages: readonly ChatMessage[], isNext: boolean) => string;

/** A whole conversation as it is rendered, and how to render it otherwise. */
interface Rendered {
  readonly whole: string;
  readonly messages: readonly ChatMessage[];
  readonly render: Render;
}

/**
 * Where the texts of a message stand in the whole conversation: found by marks around them. Undefined where a text is
 * written twice, or otherwise than it is.
 */
function locateTexts(
  { whole, messages, render }: Rendered,
  index: number,
  keys: readonly string[],
): readonly [start: number, end: number] | undefined {
  const own = messages[index]!;
  const given = keys.filter((key) => typeof own[key] === "string" && own[key] !== "");
  const texts = Object.fromEntries(given.map((key) => [key, `${MARK}${own[key] as string}${MARK}`]));
  const changed = render(
    messages.map((message, at) => (at === index ? { ...message, ...texts } : message)),
    false,
  );
  const pieces = changed.split(MARK);
  const inside = pieces.slice(1, -1);
  if (pieces.length < 3 || pieces.length > 2 * given.length + 1 || pieces.length % 2 === 0) return undefined;
  if (pieces.join("") !== whole || !inside.includes(own.content)) return undefined;
  return [pieces[0]!.length, whole.length - pieces.at(-1)!.length];
}

/** A turn of which pieces are not scored; it begins at `start`. @throws InputError where the template changes its text */
function splitSpans(
  text: string,
  start: number,
  { spans }: Turn,
  { place, index, rendered }: { readonly place: Place; readonly index: number; readonly rendered: Rendered },
): readonly RowPart[] {
  const content = locateTexts(rendered, index, ["content"]);
  if (content === undefined || content[0] < start || content[1] > start + text.length)
    throw new InputError({
      expected: "a chat template that writes a turn's text once, as it is",
      ...place,
      at: `messages[${index}].content`,
      hint: "Only then it can be told which of its parts are not trained.",
    });
  const [from, to] = content.map((at) => at - start) as [number, number];
  const parts: RowPart[] = from === 0 ? [] : [{ text: text.slice(0, from), scored: true }];
  for (const span of spans!) parts.push({ text: span.text, scored: span.isTrained, isStrict: true });
  parts.push({ text: text.slice(to), scored: true });
  return parts;
}

/** @throws InputError for a template that leaves out what a conversation has */
function checkWritten(
  { whole, messages, render }: Rendered,
  { turns, tools }: Conversation,
  place: Place,
  bare: string,
): void {
  if (tools !== undefined && whole === bare)
    throw new InputError({
      expected: "a chat template that writes tools",
      ...place,
      at: fieldAt(place, "tools"),
      hint: "Without them the model would learn to call what nobody has told it of. Take the column out to train so.",
    });
  for (const [index, { message, isTrained }] of turns.entries()) {
    if (!isTrained || message["tool_calls"] === undefined) continue;
    const { tool_calls: _calls, ...silent } = message;
    const without = messages.map((own, at) => (at === index ? (silent as ChatMessage) : own));
    if (render(without, false) === whole)
      throw new InputError({
        expected: "a chat template that writes tool_calls",
        ...place,
        at: `messages[${index}].tool_calls`,
      });
  }
}

/** Pieces of the rendered conversation: what the model is to say is scored, all else is not. */
function splitTurns(conversation: Conversation, place: Place, tokenizer: TextTokenizer): readonly RowPart[] {
  const { turns, tools } = conversation;
  const messages = turns.map(({ message }) => message);
  const render: Render = (some, isNext) => tokenizer.renderChat(some, isNext, tools);
  const whole = render(messages, false);
  const rendered = { whole, messages, render };
  checkWritten(rendered, conversation, place, tools === undefined ? "" : tokenizer.renderChat(messages, false));
  const pieces: RowPart[] = [];
  let done = 0;
  for (const [index, turn] of turns.entries()) {
    if (!turn.isTrained) continue;
    const before = render(messages.slice(0, index), true);
    const behind = render(messages.slice(0, index + 1), false);
    const isStraight = before.length >= done && behind.startsWith(before) && whole.startsWith(behind);
    const found = isStraight
      ? ([before.length, behind.length] as const)
      : withEnd(locateTexts(rendered, index, ["content", ...THOUGHTS]), whole, tokenizer);
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
    const own =
      turn.spans === undefined
        ? [{ text, scored: true }]
        : splitSpans(text, found[0], turn, { place, index, rendered });
    const last = own.at(-1)!;
    pieces.push(...own.slice(0, -1), ...(last.scored ? splitEnd(last.text, tokenizer) : [last]));
  }
  pieces.push({ text: whole.slice(done), scored: false });
  return pieces.filter(({ text }) => text !== "");
}

/** A turn's texts with the special token that ends it. */
function withEnd(
  found: readonly [start: number, end: number] | undefined,
  whole: string,
  { specialTexts }: TextTokenizer,
): readonly [start: number, end: number] | undefined {
  if (found === undefined) return undefined;
  const [start, end] = found;
  const after = specialTexts.find((token) => whole.startsWith(token, end));
  return [start, end + (after?.length ?? 0)];
}

/** A conversation through the model's chat template, with only the assistant's turns scored, their end tokens included. */
export const chatRow: RowKind = (record, { source, tokenizer, mostTokens }) =>
  rowOfParts(tokenizer(), splitTurns(conversationOf(record, source), record.place, tokenizer()), mostTokens, false);

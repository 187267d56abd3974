import { didYouMean, InputError } from "../../core/index.ts";
import { GENERATION_MARK } from "../chat-template.ts";
import { fieldAt, type Place } from "../records/record.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";
import { type Conversation, conversationOf } from "./conversation.ts";
import {
  type LocatedTexts,
  type LocatedTurn,
  leftOutOf,
  locateTexts,
  type Rendered,
  THOUGHT_KEYS,
  turnLocator,
} from "./locate-turns.ts";
import type { Turn } from "./message.ts";
import type { Reading } from "./reading.ts";
import { PIECE_BORDER, type RowContext, type RowKind, type RowPart, rowOfParts } from "./row-kind.ts";

type Range = readonly [start: number, end: number];

/** What is scored of a written conversation, and pieces of it that are not; those are cut out of the former. */
interface ScoredRanges {
  readonly scored: readonly Range[];
  readonly silent: readonly Range[];
  /** Pieces of a turn's text: a token that reaches into one that is not scored is not scored either. */
  readonly spans: readonly Range[];
}

/**
 * Where what is said ends: without the white space behind what closes the turn, since a line break that a template
 * writes there says nothing. Where nothing but white space closes it, that is what tells the turn's end.
 */
function endOfTurn(text: string, textEnd: number | undefined, { specialTexts }: TextTokenizer): number {
  const said = text.trimEnd();
  const isClosed = textEnd === undefined ? specialTexts.some((token) => said.endsWith(token)) : said.length > textEnd;
  return isClosed ? said.length : text.length;
}

interface ChatContext {
  readonly conversation: Conversation;
  readonly rendered: Rendered;
  /** Where the messages' texts stand. */
  readonly texts: readonly (LocatedTexts | undefined)[];
  readonly place: Place;
  readonly tokenizer: TextTokenizer;
  readonly reading: Reading;
}

/** Pieces of a turn's text and those of them that are not trained. @throws InputError where the template changes the text */
function spansOf(turn: Turn, index: number, located: LocatedTurn, { rendered, place }: ChatContext): ScoredRanges {
  if (turn.spans === undefined) return { scored: [], silent: [], spans: [] };
  const { content } = located;
  if (content === undefined || rendered.whole.slice(...content) !== turn.message.content)
    throw new InputError({
      expected: "a chat template that writes a turn's text once, as it is",
      ...place,
      at: `messages[${index}].content`,
      hint: "Only then it can be told which of its parts are not trained.",
    });
  let from = content[0];
  const spans = turn.spans.map(({ text, isTrained }) => {
    const range: Range = [from, from + text.length];
    from = range[1];
    return { range, isTrained };
  });
  return {
    scored: [],
    silent: spans.filter(({ isTrained }) => !isTrained).map(({ range }) => range),
    spans: spans.map(({ range }) => range),
  };
}

/** @throws InputError for a template that leaves out what a conversation has */
function checkWritten({ conversation: { turns, tools }, rendered, place, tokenizer }: ChatContext, more: object): void {
  const { whole, messages } = rendered;
  if (tools !== undefined && whole === tokenizer.renderChat(messages, false, { ...more, tools: undefined }))
    throw new InputError({
      expected: "a chat template that writes tools",
      ...place,
      at: fieldAt(place, "tools"),
      hint: "Without them the model would learn to call what nobody has told it of. Take the column out to train so.",
    });
  const calling = turns.flatMap(({ message, isAnswer }, index) =>
    isAnswer && message["tool_calls"] !== undefined ? [index] : [],
  );
  if (calling.length === 0) return;
  // Each call's name says which turn calls, in characters of no text.
  const named = (index: number): string => `\ufdd0${index}\ufdd1`;
  const written = rendered.render(
    messages.map((message, index) => (calling.includes(index) ? renameCalls(message, named(index)) : message)),
    false,
  );
  const silent = calling.find((index) => !written.includes(named(index)));
  if (silent !== undefined)
    throw new InputError({
      expected: "a chat template that writes tool_calls",
      ...place,
      at: `messages[${silent}].tool_calls`,
    });
}

/** A turn whose calls have another name and one argument more. */
function renameCalls(message: ChatMessage, name: string): ChatMessage {
  const calls = message["tool_calls"] as readonly { readonly function: { readonly arguments?: unknown } }[];
  const rename = (own: unknown): unknown =>
    typeof own === "object" && own !== null ? { ...own, [name]: name } : `${own ?? ""}${name}`;
  return {
    ...message,
    tool_calls: calls.map((call) => ({
      ...call,
      function: { ...call.function, name, arguments: rename(call.function.arguments) },
    })),
  };
}

function located(locate: ReturnType<typeof turnLocator>, index: number, place: Place): LocatedTurn {
  const found = locate(index);
  if (found !== undefined) return found;
  throw new InputError({
    expected: "a chat template in which each turn can be found",
    ...place,
    at: `messages[${index}]`,
    hint: "This one writes the turn otherwise when others follow it, or leaves it out.",
  });
}

/** Where what is scored of a turn ends. */
function answerEnd(turn: Turn, { begins, content, ends }: LocatedTurn, context: ChatContext): number {
  const { reading, rendered, tokenizer } = context;
  if (reading.answerEnds === "space") return ends;
  const text = rendered.whole.slice(begins, ends);
  const calls = turn.message["tool_calls"] !== undefined;
  const textEnd = calls || content === undefined ? undefined : content[1] - begins;
  const end = begins + endOfTurn(text, textEnd, tokenizer);
  if (reading.answerEnds === "token" || rendered.whole.slice(begins, end).endsWith(tokenizer.eosText)) return end;
  return turn.message["tool_calls"] === undefined && content !== undefined
    ? content[1]
    : begins + text.trimEnd().length;
}

/** Whether the template writes nothing of what a turn says: white space is something, unless the template trims it. */
function isEmpty({ message }: Turn, index: number, { rendered: { whole, messages, render } }: ChatContext): boolean {
  if (message.content.trim() !== "" || message["tool_calls"] !== undefined) return false;
  return whole === render(messages.with(index, { role: message.role, content: "" }), false);
}

/** A text that no data have: a character that is none. */
const OTHER_TEXT = "\ufdd0";

/** Where the template writes otherwise if the turn has another text and nothing beside, such as a thought. */
function textStart(
  { message }: Turn,
  index: number,
  { begins, content }: LocatedTurn,
  { rendered }: ChatContext,
): number {
  if (content !== undefined && THOUGHT_KEYS.every((key) => message[key] === undefined)) return content[0];
  const { whole, messages, render } = rendered;
  const other = render(messages.with(index, { role: message.role, content: OTHER_TEXT }), false);
  let start = 0;
  while (start < whole.length && whole[start] === other[start]) start += 1;
  return Math.max(begins, start);
}

/** What of a turn is scored. */
function answerRange(turn: Turn, index: number, located: LocatedTurn, context: ChatContext): Range | undefined {
  const { reading } = context;
  if (!reading.scoresEmpty && isEmpty(turn, index, context)) return undefined;
  const start = reading.answerBegins === "asked" ? located.begins : textStart(turn, index, located, context);
  return [start, answerEnd(turn, located, context)];
}

/** All that follows the prompt. @throws InputError where the template writes the prompt otherwise before an answer */
function completionRange({ conversation, rendered: { whole, messages, render }, place }: ChatContext): Range {
  const prompt = render(messages.slice(0, conversation.numPrompt), true);
  if (whole.startsWith(prompt)) return [prompt.length, whole.length];
  throw new InputError({
    expected: "a chat template that writes a prompt as it does before its answer",
    ...{ ...place, at: fieldAt(place, "prompt") },
    hint: "This one writes it otherwise when a completion follows.",
  });
}

function scoredRanges(context: ChatContext, choice: "all" | "last"): ScoredRanges {
  const { conversation, rendered, reading, place } = context;
  const { turns, numPrompt } = conversation;
  const locate = turnLocator(rendered, context.texts, (index) => turns[index]!.isAnswer);
  const scored: Range[] = [];
  const silent: Range[] = [];
  const spans: Range[] = [];
  const takes = numPrompt > 0 ? reading.completion : reading.scored;
  const takesAll = takes === "all" || takes === "rest";
  if (takesAll) scored.push(takes === "rest" ? completionRange(context) : [0, rendered.whole.length]);
  const last = turns.findLastIndex(({ isAnswer }) => isAnswer);
  for (const [index, turn] of turns.entries()) {
    const isSaid = takes === "turns" || (turn.isAnswer && index >= numPrompt);
    const isTaken = isSaid && (choice === "all" || index === last);
    const isSilent = !turn.isTrained || turn.spans !== undefined;
    // Answers that are tokenized by themselves have to be found in any case.
    if (takesAll ? !isSilent && !(isTaken && reading.apart === "all") : !isTaken || !turn.isTrained) continue;
    const where = located(locate, index, place);
    if (!turn.isTrained) silent.push([where.begins, where.ends]);
    const own = spansOf(turn, index, where, context);
    silent.push(...own.silent);
    spans.push(...own.spans);
    const range = isTaken && turn.isTrained ? answerRange(turn, index, where, context) : undefined;
    if (range !== undefined) scored.push(range);
  }
  return { scored, silent, spans };
}

/** What stands between the template's marks, without turns that the data say are not trained. */
function markedRanges(context: ChatContext, marked: string): ScoredRanges {
  const pieces = marked.split(GENERATION_MARK);
  if (pieces.join("") !== context.rendered.whole)
    throw new InputError({
      expected: "a chat template that writes the same with its marks, and a text without U+FDD2",
      ...{ ...context.place, got: "another text" },
    });
  const scored: Range[] = [];
  let length = 0;
  for (const [index, piece] of pieces.entries()) {
    if (index % 2 === 1) scored.push([length, length + piece.length]);
    length += piece.length;
  }
  const reading: Reading = { ...context.reading, scored: "all", completion: "all" };
  const { silent, spans } = scoredRanges({ ...context, reading }, "all");
  const prompt = context.conversation.numPrompt === 0 ? 0 : completionRange(context)[0];
  return { scored, silent: [...silent, [0, prompt]], spans };
}

/** The text in pieces that are scored or not. */
function cutRanges(whole: string, { scored, silent, spans }: ScoredRanges): readonly RowPart[] {
  const borders = [...scored, ...silent, ...spans].flat().map((at) => Math.min(at, whole.length));
  const sorted = [...new Set([0, whole.length, ...borders])].sort((a, b) => a - b);
  const covers = (ranges: readonly Range[], at: number): boolean => ranges.some(([from, to]) => from <= at && at < to);
  const strict = new Set(spans.map(([from]) => from));
  const parts: RowPart[] = [];
  for (const [index, from] of sorted.slice(0, -1).entries()) {
    const text = whole.slice(from, sorted[index + 1]);
    const isScored = covers(scored, from) && !covers(silent, from);
    parts.push({ text, scored: isScored, ...(strict.has(from) ? { isStrict: true } : {}) });
  }
  return parts.length === 0 ? [{ text: "", scored: false }] : parts;
}

/** Neighbours that are treated alike as one, which is tokenized alike. */
function mergeParts(parts: readonly RowPart[]): readonly RowPart[] {
  const merged: RowPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (last?.scored === part.scored && part.isStrict === undefined && last.isStrict === undefined)
      merged[merged.length - 1] = { ...last, text: last.text + part.text };
    else merged.push(part);
  }
  return merged;
}

/** @throws InputError for what the library writes in words of its own */
function checkLike({ turns, tools }: Conversation, reading: Reading, place: Place): void {
  const calls = turns.findIndex(({ message }) => message["tool_calls"] !== undefined);
  if (reading.writesTools || (tools === undefined && calls < 0)) return;
  throw new InputError({
    expected: "no tools with data.like: llamafactory",
    ...{ ...place, at: tools === undefined ? `messages[${calls}].tool_calls` : fieldAt(place, "tools") },
    hint: "LLaMA-Factory writes tools in texts of its own. Without data.like the model's chat template writes them.",
  });
}

/** Roles that chat templates have a turn for. */
const ROLES = ["system", "developer", "user", "assistant", "tool"];

/**
 * What a person should know of the turns: those that the template leaves out, and those whose role may be misspelt.
 * @throws InputError where it leaves out all of them
 */
function turnRemarks({ conversation: { turns }, rendered, texts, place }: ChatContext): readonly string[] {
  const leftOut = leftOutOf(rendered, texts).map((index) => turns[index]!.message.role);
  const numSaid = turns.filter(({ message }) => message.content.trim() !== "").length;
  if (leftOut.length > 0 && leftOut.length === numSaid && !turns.some(({ message }) => message["tool_calls"]))
    throw new InputError({
      expected: "messages of roles that the chat template writes",
      ...{ ...place, at: "messages", got: [...new Set(leftOut)].join(", ") },
      hint: didYouMean(leftOut[0]!, ROLES) ?? "It leaves all of them out. `data.roles` says whose turn a role is.",
    });
  const misspelt = turns.map(({ message }) => message.role).filter((role) => !ROLES.includes(role));
  return [
    ...new Set([
      ...leftOut.map((role) => `the chat template leaves out a message of role ${JSON.stringify(role)}`),
      ...misspelt.flatMap((role) => {
        const meant = didYouMean(role, ROLES);
        return meant === undefined ? [] : [`a message of role ${JSON.stringify(role)} is not an answer. ${meant}`];
      }),
    ]),
  ];
}

/** A conversation's pieces: what the model is to say is scored, all else is not. @throws InputError */
function chatParts(
  conversation: Conversation,
  place: Place,
  { source, reading, tokenizer: load }: Omit<RowContext, "mostTokens">,
): { readonly parts: readonly RowPart[]; readonly remarks: readonly string[] } {
  checkLike(conversation, reading, place);
  const tokenizer = load();
  const { tools } = conversation;
  const border = reading.apart === "all" ? { piece_border: PIECE_BORDER } : {};
  const variables = { ...conversation.variables, ...border };
  const messages = conversation.turns.map(({ message }) => message);
  const more = { tools, variables, template: source.chatTemplate };
  const render: Rendered["render"] = (some, isNext) => tokenizer.renderChat(some, isNext, more);
  const whole = render(messages, false);
  const rendered = { whole, messages, render, specialTexts: tokenizer.specialTexts };
  const context = { conversation, rendered, texts: locateTexts(rendered), place, tokenizer, reading };
  checkWritten(context, more);
  const remarks = turnRemarks(context);
  const marked = (): string => tokenizer.renderChat(messages, false, { ...more, isMarked: true });
  const ranges =
    source.turns === "marked" ? markedRanges(context, marked()) : scoredRanges(context, source.turns ?? "all");
  const parts = cutRanges(reading.trimsEnd ? whole.trimEnd() : whole, ranges);
  return { parts: reading.apart === "all" ? parts : mergeParts(parts), remarks };
}

/** A conversation through the model's chat template, with only the assistant's turns scored, their end tokens included. */
export const chatRow: RowKind = (record, context) => {
  const { source, reading, tokenizer, mostTokens } = context;
  const { parts, remarks } = chatParts(conversationOf(record, source, reading), record.place, context);
  const form = { mostTokens, begins: false, ends: false, isApart: reading.apart === "all" };
  return { ...rowOfParts(tokenizer(), parts, form), ...(remarks.length === 0 ? {} : { remarks }) };
};

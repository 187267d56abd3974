import type { Key } from "node:readline";
import { createInterface, type Interface } from "node:readline/promises";
import { Readable, Writable } from "node:stream";
import { InputError } from "../core/index.ts";
import { type AskedPrompt, type ChatMessage, chatIn, type QuestionForm } from "../datasets/index.ts";
import type { Sampling } from "../exec/index.ts";
import { type Answer, type Answerer, BASE } from "../inference/index.ts";
import type { Io } from "./io.ts";
import { OrderedOutput } from "./ordered-output.ts";

export interface ChatOptions {
  /** What the questions to each who answers are put into; undefined is the base. */
  readonly forms: ReadonlyMap<string | undefined, QuestionForm>;
  readonly system: string | undefined;
  readonly sampling: Sampling;
  readonly maxTokens: number;
  /** Tokens of a whole chat. */
  readonly context: number;
  readonly stop: readonly string[];
  readonly ignoresEnd: boolean;
}

const HELP = [
  "/reset       begin anew",
  "/adapters    who answers; /adapters a,base lets only these answer",
  "/help        this list",
  "/quit        leave, as Ctrl-D does; Ctrl-C stops an answer",
].join("\n");

/** One adapter's side of the chat. */
interface Side {
  readonly name: string | undefined;
  readonly messages: ChatMessage[];
}

/** Each adapter has a chat of its own with the same questions. */
class Chat {
  readonly #answerer: Answerer;
  readonly #options: ChatOptions;
  #sides: readonly Side[] = [];

  constructor(answerer: Answerer, options: ChatOptions) {
    this.#answerer = answerer;
    this.#options = options;
    this.choose([...options.forms.keys()]);
  }

  get names(): string {
    return this.#sides.map(({ name }) => name ?? BASE).join(", ");
  }

  choose(names: readonly (string | undefined)[]): void {
    const { system } = this.#options;
    const first = system === undefined ? [] : [{ role: "system", content: system }];
    const known = new Map(this.#sides.map(({ name, messages }) => [name, messages]));
    this.#sides = names.map((name) => ({ name, messages: known.get(name) ?? [...first] }));
  }

  reset(): void {
    const names = this.#sides.map(({ name }) => name);
    this.#sides = [];
    this.choose(names);
  }

  async ask(question: string, print: (text: string) => void, signal: AbortSignal): Promise<void> {
    const several = this.#sides.length > 1;
    const output = new OrderedOutput(
      print,
      this.#sides.map(({ name }) => (several ? `\n${name ?? BASE}: ` : "\n")),
    );
    await Promise.all(
      this.#sides.map(async (side, index) => {
        const { text, end } = await this.#answer(side, question, (piece) => output.add(index, piece), signal);
        side.messages.push({ role: "user", content: question }, { role: "assistant", content: text });
        output.end(index, `${end === "length" ? " [cut]" : end === "aborted" ? " [stopped]" : ""}\n`);
      }),
    );
  }

  /** A question behind what was said before, where the rows of whoever is asked have turns. */
  asked(name: string | undefined, before: readonly ChatMessage[], question: string): AskedPrompt {
    const form = this.#options.forms.get(name)!;
    const said = form.kind === "template" ? before.filter(({ role }) => role === "system") : before;
    return chatIn(form, [...said, { role: "user", content: question }]);
  }

  async #answer(
    { name, messages }: Side,
    question: string,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { sampling, maxTokens, stop, ignoresEnd, context } = this.#options;
    const prompt = await this.#answerer.prompt(this.asked(name, messages, question), signal);
    const left = Math.min(maxTokens, context - prompt.length);
    if (left < 1)
      throw new InputError({
        expected: `a chat of at most ${context} tokens`,
        at: "--context",
        got: prompt.length,
        hint: "/reset begins anew.",
      });
    let isFirst = true;
    const answer = await this.#answerer.answer({
      ...{ prompt, adapter: name, sampling, maxTokens: left, stop, ignoresEnd, continues: false, signal },
      onText(text) {
        onText(isFirst ? text.trimStart() : text);
        isFirst &&= text.trimStart() === "";
      },
    });
    return { ...answer, text: answer.text.trim() };
  }
}

/** Tell a terminal to mark pasted text, and to stop that; source: xterm's control sequences, bracketed paste. */
const [MARK_PASTES, MARK_NO_PASTES] = ["\x1b[?2004h", "\x1b[?2004l"];

/** Lines as they are asked for; early ones were typed before that. Lines that are pasted together are one. */
function lineQueue(
  reader: Interface,
  input: NodeJS.ReadableStream,
): { next(): Promise<{ line: string | undefined; isEarly: boolean }> } {
  const early: string[] = [];
  let isOver = false;
  let waiter: ((line: string | undefined) => void) | undefined;
  const tell = (line: string | undefined): void => {
    const waiting = waiter;
    waiter = undefined;
    waiting?.(line);
  };
  let isPasting = false;
  input.on("keypress", (_text, key: Key) => {
    if (key.name === "paste-start" || key.name === "paste-end") isPasting = key.name === "paste-start";
  });
  let pasted = "";
  reader.on("line", (last) => {
    const line = pasted + last;
    pasted = isPasting ? `${line}\n` : "";
    if (isPasting) return;
    if (waiter === undefined) early.push(line);
    else tell(line);
  });
  reader.on("close", () => {
    isOver = true;
    tell(undefined);
  });
  return {
    async next() {
      const known = early.shift();
      if (known !== undefined || isOver) return { line: known, isEarly: true };
      const line = await new Promise<string | undefined>((resolve) => {
        waiter = resolve;
      });
      return { line, isEarly: false };
    },
  };
}

/** Reads questions from the terminal, or from a file of lines, until its end. */
export async function chat(io: Io, answerer: Answerer, options: ChatOptions): Promise<void> {
  const talk = new Chat(answerer, options);
  // Whether there is a template is known before the first question.
  for (const name of options.forms.keys()) await answerer.prompt(talk.asked(name, [], "?"));
  const input = io.stdin ?? Readable.from([]);
  const isTerminal = io.stdin?.isTTY === true && io.isStdoutTty === true;
  // What is typed while an answer is printed is shown when its turn comes.
  let isMuted = false;
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!isMuted) process.stdout.write(chunk);
      done();
    },
  });
  const reader = createInterface({ input, terminal: isTerminal, ...(isTerminal ? { output: echo } : {}) });
  let abort: AbortController | undefined;
  const interrupt = (): void => {
    if (abort === undefined) reader.close();
    else abort.abort();
  };
  reader.on("SIGINT", interrupt);
  if (!isTerminal) io.signals?.on("SIGINT", interrupt);
  try {
    if (isTerminal) echo.write(MARK_PASTES);
    if (isTerminal) io.stdout(`${talk.names} will answer. /help lists commands; Ctrl-D ends.\n`);
    const lines = lineQueue(reader, input);
    for (;;) {
      isMuted = false;
      if (isTerminal) {
        io.stdout("\n");
        reader.setPrompt("> ");
        reader.prompt();
      }
      const { line, isEarly } = await lines.next();
      if (line === undefined) break;
      const question = line.trim();
      if (isTerminal && isEarly) io.stdout(`${question}\n`);
      isMuted = true;
      if (question === "/quit" || question === "/exit") break;
      if (question === "/help") io.stdout(`${HELP}\n`);
      else if (question === "/reset") talk.reset();
      else if (question.startsWith("/adapters")) chooseNames(io, talk, question, [...options.forms.keys()]);
      else if (question.startsWith("/")) io.stdout(`There is no ${question.split(" ")[0]}.\n${HELP}\n`);
      else if (question !== "") {
        abort = new AbortController();
        try {
          await talk.ask(question, (text) => io.stdout(text), abort.signal);
        } catch (error) {
          if (!(error instanceof InputError) && !abort.signal.aborted) throw error;
          if (error instanceof InputError) io.stderr(`${error.message}\n`);
        } finally {
          abort = undefined;
        }
      }
    }
  } finally {
    reader.close();
    isMuted = false;
    if (isTerminal) echo.write(MARK_NO_PASTES);
    io.signals?.off("SIGINT", interrupt);
  }
}

function chooseNames(io: Io, talk: Chat, line: string, names: readonly (string | undefined)[]): void {
  const wanted = line
    .slice("/adapters".length)
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const known = names.map((name) => name ?? BASE);
  const wrong = wanted.find((name) => !known.includes(name));
  if (wrong !== undefined) io.stdout(`There is no ${wrong}; there are ${known.join(", ")}.\n`);
  else {
    if (wanted.length > 0) talk.choose(wanted.map((name) => (name === BASE ? undefined : name)));
    io.stdout(`${talk.names} will answer.\n`);
  }
}

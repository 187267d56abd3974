/**
 * Texts that grow at the same time, printed one after another: the first as it comes, and each of the others, from what it
 * has by then, once those before it have ended.
 */
export class OrderedOutput {
  readonly #print: (text: string) => void;
  readonly #held: { text: string; isOver: boolean }[];
  #at = 0;

  constructor(print: (text: string) => void, headings: readonly string[]) {
    this.#print = print;
    this.#held = headings.map((text) => ({ text, isOver: false }));
    this.#flush();
  }

  add(index: number, text: string): void {
    if (index === this.#at) this.#print(text);
    else this.#held[index]!.text += text;
  }

  end(index: number, text: string): void {
    this.add(index, text);
    this.#held[index]!.isOver = true;
    while (this.#held[this.#at]?.isOver === true) {
      this.#at += 1;
      this.#flush();
    }
  }

  #flush(): void {
    const next = this.#held[this.#at];
    if (next === undefined || next.text === "") return;
    this.#print(next.text);
    next.text = "";
  }
}

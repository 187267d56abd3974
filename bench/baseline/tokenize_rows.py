"""Tokenizes the texts of JSON lines with Hugging Face's tokenizers, and prints JSON: seconds and tokens of each way."""

import json
import os
import sys
import time


def main():
    import tokenizers

    if sys.argv[1] == "--check":
        print(tokenizers.__version__)
        return
    folder, file, repetitions = sys.argv[1:]
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(file, encoding="utf8") as lines:
        texts = [json.loads(line)["text"] for line in lines]

    def alone():
        return sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)

    def together():
        parts = (texts[at : at + 250] for at in range(0, len(texts), 250))
        return sum(len(each.ids) for part in parts for each in tokenizer.encode_batch(part, add_special_tokens=False))

    for way in [alone, together]:
        for _ in range(int(repetitions)):
            begin = time.perf_counter()
            tokens = way()
            seconds = time.perf_counter() - begin
            print(json.dumps({"way": way.__name__, "seconds": seconds, "tokens": tokens}))


main()

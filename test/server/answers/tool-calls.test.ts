import { describe, expect, it } from "vitest";
import { CallStream, callFormOf } from "../../../server/answers/tool-calls.ts";

/** Signs of the families' chat templates. */
const TEMPLATES = {
  hermes: "{% if tools %}return a json object within <tool_call></tool_call> XML tags{% endif %}",
  llama: 'tools: Respond in the format {"name": function name, "parameters": dictionary}',
  mistral: "{% if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS][",
  "mistral-named": "{{ '[TOOL_CALLS]' + name + '[ARGS]' }}",
  tagged: "<|tool|>{{ tools }}<|/tool|> <|tool_call|>",
};

interface Heard {
  readonly text: string;
  readonly calls: readonly (readonly [name: string, given: unknown])[];
}

/** An answer that comes in pieces of `size` characters. */
function heard(family: keyof typeof TEMPLATES, answer: string, size: number): Heard {
  const stream = new CallStream(callFormOf(TEMPLATES[family]), ["f", "g"]);
  let text = "";
  for (let at = 0; at < answer.length; at += size) text += stream.push(answer.slice(at, at + size));
  const last = stream.end();
  const calls = last.calls.map(({ function: { name, arguments: given } }) => [name, JSON.parse(given)] as const);
  return { text: text + last.text, calls };
}

describe("calls in an answer", () => {
  const F = ["f", { a: [1, "]x"] }];
  const G = ["g", {}];
  const f = '{"name": "f", "arguments": {"a": [1, "]x"]}}';
  const g = '{"name": "g", "arguments": {}}';

  it.each<readonly [keyof typeof TEMPLATES, string, string, readonly unknown[]]>([
    ["hermes", `<tool_call>\n${f}\n</tool_call>`, "", [F]],
    ["hermes", `Let me see.\n<tool_call>${f}</tool_call>\n<tool_call>\n${g}\n</tool_call>`, "Let me see.\n", [F, G]],
    ["hermes", `<tool_call>\n${f}`, "", [F]],
    ["llama", f.replace("arguments", "parameters"), "", [F]],
    ["llama", `<|python_tag|>${f.replace("arguments", "parameters")}; ${g}`, "", [F, G]],
    ["mistral", `[TOOL_CALLS] [${f}, ${g}]`, "", [F, G]],
    ["mistral-named", '[TOOL_CALLS]f[ARGS]{"a": [1, "]x"]}[TOOL_CALLS]g[CALL_ID]123[ARGS]{}', "", [F, G]],
    ["tagged", `Yes<|tool_call|>[${f}]<|/tool_call|>`, "Yes", [F]],
  ])("of %s are taken out: %s", (family, answer, text, calls) => {
    for (const size of [1, 3, 1000]) expect([size, heard(family, answer, size)]).toEqual([size, { text, calls }]);
  });

  it.each<readonly [keyof typeof TEMPLATES, string]>([
    ["hermes", "a < b <tool_cal> c <"],
    ["hermes", "<tool_call>\nno JSON</tool_call>"],
    ["hermes", "<tool_call>[1]</tool_call>"],
    ["llama", '{"name": "other", "parameters": {}}'],
    ["llama", '{"answer": 42}'],
    ["llama", 'See {"name": "f", "parameters": {}}'],
    ["llama", "  <|pyth"],
    ["mistral", "[TOOL_CALLS] f(1)"],
    ["mistral-named", "[TOOL_CALLS]f[ARGS]{"],
    ["tagged", "<|tool_call|>[]"],
  ])("of %s that are none stay text: %s", (family, answer) => {
    for (const size of [1, 3, 1000]) expect(heard(family, answer, size)).toEqual({ text: answer, calls: [] });
  });

  it("are unknown of templates without them, and of those whose calls are no JSON", () => {
    for (const template of ["", "{{ messages }}", "<tool_call>\n<function=name>", 'say "parameters"'])
      expect(callFormOf(template)).toBeUndefined();
  });
});

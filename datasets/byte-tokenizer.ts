/** Ids of the special tokens, after the 256 bytes. */
export const BYTE_TOKENIZER = { vocabularySize: 259, bosId: 256, eosId: 257, padId: 258 } as const;

const SPECIAL = ["<s>", "</s>", "<pad>"] as const;

/**
 * The character that byte-level BPE writes for each byte: printable Latin-1 stands for itself, and the others follow
 * from U+0100 on (Radford et al. 2019, the GPT-2 encoder).
 */
export function byteCharacters(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    const code = isPrintable ? byte : next++;
    return String.fromCodePoint(code);
  });
}

const CHAT_TEMPLATE = [
  "{{ bos_token }}{% for message in messages %}",
  "{{ message['role'] }}: {{ message['content'] }}",
  "{% if message['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ '\\n' }}{% endif %}",
  "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
].join("");

/**
 * tokenizer.json and tokenizer_config.json of a tokenizer whose tokens are the 256 bytes (id = byte) and three marks.
 */
export function createByteTokenizer(maxPositions: number): { readonly tokenizer: object; readonly config: object } {
  const vocabulary = Object.fromEntries([...byteCharacters(), ...SPECIAL].map((token, id) => [token, id]));
  const [bos] = SPECIAL;
  const begin = { SpecialToken: { id: bos, type_id: 0 } };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, index) => ({
      id: 256 + index,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: "TemplateProcessing",
      single: [begin, { Sequence: { id: "A", type_id: 0 } }],
      pair: [begin, { Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { [bos]: { id: bos, ids: [BYTE_TOKENIZER.bosId], tokens: [bos] } },
    },
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabulary,
      merges: [],
    },
  };
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: bos,
    eos_token: "</s>",
    pad_token: "<pad>",
    clean_up_tokenization_spaces: false,
    model_max_length: maxPositions,
    chat_template: CHAT_TEMPLATE,
  };
  return { tokenizer, config };
}

/** Why a key has no meaning here, where several tables say so. */
export const LOGGED = "a run writes metrics.jsonl and trace.json; `loratwin watch` and `report` show them";
export const SAVED = "options of `train` say when checkpoints are written (--checkpoint-minutes)";
export const SHARED = "the planner spreads the model over the devices of --devices or --cluster";
export const UPLOADED = "adapters are written as PEFT folders; nothing is uploaded";
export const LOADED = "rows are read and tokenized once and kept in a cache";
export const KERNELS = "loratwin has kernels of its own, which compute the same";
export const MEMORY = "the planner cuts mini-batches so that they fit";
export const REPEATED = "the same plan gives the same bytes anyway";
export const TOKENIZED = "the tokenizer is that of the model's folder (tokenizer.json)";
export const NO_PADDING = "rows are packed without padding, and attention does not cross them";
export const REPEATABLE = "an interrupted run goes on with `loratwin resume`";
export const GENERATED = "`sample` in a job answers prompts while it trains, with the most likely tokens";
export const WITHOUT_SWITCH = "it says nothing without its switch";

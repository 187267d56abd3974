import { pathToFileURL } from "node:url";
import { InputError } from "../../core/index.ts";
import { type Place, readInput } from "../../files/index.ts";
import { checkedPolicy, type OwnPolicy, type PolicyFactory, type PolicySource } from "../../plan/index.ts";

/** The first place of a stack that is in a file: `file:///mine.mjs:12:3`, or the path alone. */
function lineIn(file: string, url: string): PolicySource["lineOf"] {
  return (error) => {
    if (!(error instanceof Error) || error.stack === undefined) return undefined;
    for (const line of error.stack.split("\n"))
      for (const name of [url, file]) {
        const at = line.indexOf(`${name}:`);
        const number = at < 0 ? Number.NaN : Number.parseInt(line.slice(at + name.length + 1), 10);
        if (Number.isSafeInteger(number)) return number;
      }
    return undefined;
  };
}

/**
 * A job scheduler's policy from a file of JavaScript, whose default export it is (`OwnPolicy`).
 * @throws InputError for a file that cannot be read or run; what it makes, for what is no policy, and for what errs
 */
export async function loadPolicy(place: Place, name: string): Promise<PolicyFactory> {
  const { file } = readInput(place, name, "the file of a policy");
  const { href } = pathToFileURL(file);
  const source: PolicySource = { file, lineOf: lineIn(file, href) };
  let loaded: { readonly default?: OwnPolicy };
  try {
    loaded = (await import(/* @vite-ignore */ href)) as typeof loaded;
  } catch (error) {
    const line = source.lineOf(error);
    const got = error instanceof Error ? `${error.name}: ${error.message}` : error;
    // Of a mistake in its syntax the runtime keeps the line to itself.
    const hint = error instanceof SyntaxError ? { hint: `\`node --check ${name}\` says where.` } : {};
    throw new InputError(
      { file, ...(line === undefined ? {} : { line }), expected: "a policy that can be loaded", got, ...hint },
      { cause: error },
    );
  }
  return (resources) => checkedPolicy(loaded.default, resources, source);
}

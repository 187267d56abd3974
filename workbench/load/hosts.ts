import { InputError } from "../../core/index.ts";
import { type Place, readInput } from "../../files/index.ts";

/** A name that a shell and a launcher take as it is. */
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const LISTED = /^(?<host>[^:\s]+)(?::(?<slots>\d+))?$/;

/** The most ranks of one host: a machine of the plan each, which is far more than anybody has. */
const MOST_SLOTS = 1024;

/** The hosts of `--hosts a:1,b:1` or `a,b`, one entry for each rank. @throws InputError */
export function hostsOfList(list: string): readonly string[] {
  return list.split(",").flatMap((item) => {
    const { host = "", slots = "1" } = LISTED.exec(item.trim())?.groups ?? {};
    const count = Number(slots);
    if (!HOST.test(host) || count < 1 || count > MOST_SLOTS)
      throw new InputError({
        expected: "hosts such as first:1,second:1, separated by commas",
        at: "--hosts",
        got: item,
      });
    return Array.from({ length: count }, () => host);
  });
}

/**
 * The hosts of a file of Open MPI's, a line for each rank: a name, and `slots=1` or nothing. Ranks are mapped line by
 * line, which slots of a line are not; and Open MPI takes no host on several lines that has slots.
 * @throws InputError
 */
export function hostsOfFile(place: Place, given: string): readonly string[] {
  const { text, file } = readInput(place, given, "a file of hosts");
  const lines = text.split("\n").flatMap((each, index) => {
    const [host = "", ...more] = each.replace(/#.*/s, "").trim().split(/\s+/);
    return host === "" ? [] : [{ host, more, line: index + 1, got: each }];
  });
  for (const { host, more, line, got } of lines) {
    if (!HOST.test(host) || more.some((word) => word !== "slots=1"))
      throw new InputError({
        expected: "the name of a host, and slots=1 or nothing,",
        file,
        line,
        got,
        hint: "A host that has several machines of the plan is on as many lines.",
      });
    if (more.length > 0 && lines.filter((other) => other.host === host).length > 1)
      throw new InputError({ expected: "no slots for a host that is on several lines", file, line, got });
  }
  if (lines.length === 0) throw new InputError({ expected: "a file of hosts", file, got: "none" });
  return lines.map(({ host }) => host);
}

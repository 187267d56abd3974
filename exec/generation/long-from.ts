import { type Architecture, ropesOf } from "../../plan/index.ts";
import { ropeTable } from "../rope-frequencies.ts";

/** Above which length of a sequence its tokens are turned by other frequencies; undefined where there are none. */
export function longFromOf(arch: Architecture): number | undefined {
  for (const rope of ropesOf(arch)) {
    const { long } = ropeTable(arch, rope);
    if (long !== undefined) return long.longFrom;
  }
  return undefined;
}

import type { World } from "../../native/index.ts";
import { encode } from "./rank-messages.ts";

/** All ranks go home, as rank 0 says: what was asked of them is done. */
export async function endRanks(world: World): Promise<void> {
  for (let rank = 1; rank < world.size; rank += 1) world.post(rank, encode([{ kind: "end" }]));
  await world.finish();
  world.close();
}

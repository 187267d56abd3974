import { createFleetClient, type FleetClient, serverAddress } from "../server/index.ts";
import { type Arguments, optionalText, requiredText, type Use } from "./command.ts";
import type { Io } from "./io.ts";
import type { Option, OptionTable } from "./option-table.ts";

/** Where the server of a live fleet is. */
export const FLEET_POSITIONAL: Option = {
  type: "string",
  demandOption: true,
  describe: "run folder of a live fleet, its socket, or http://127.0.0.1:PORT",
};

export const FLEET_OPTIONS: OptionTable = {
  "token-file": { type: "string", describe: "file with the server's token, for http://" },
};

/** @throws InputError, DeviceError where there can be no server */
export function fleetOf(args: Arguments, io: Io): FleetClient {
  return createFleetClient(serverAddress(io, requiredText(args, "run"), optionalText(args, "token-file")));
}

/** What commands are given that ask a live fleet. */
export function fleetUse(options: OptionTable = {}): Use {
  return { input: "a live fleet", options: { ...FLEET_OPTIONS, ...options } };
}

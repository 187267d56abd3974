import { DeviceError, type ErrorFacts, InputError } from "../../core/index.ts";
import type { RankError } from "./rank-messages.ts";

/** An error that is to be told on rank 0. */
export function packError(error: unknown): RankError {
  if (error instanceof InputError || error instanceof DeviceError) {
    const { name, message, facts } = error;
    return { name, message, details: JSON.parse(JSON.stringify(facts)) };
  }
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, message, details: undefined };
}

/** The same error there, which says on which machine it happened. */
export function unpackError({ name, message, details }: RankError, where: string): Error {
  const note = `On ${where}.`;
  if (details === undefined) return new DeviceError({ expected: "its stages to run", at: where, got: message });
  const facts = details as ErrorFacts;
  const detail = facts.detail === undefined ? note : `${facts.detail}\n${note}`;
  return name === "InputError" ? new InputError({ ...facts, detail }) : new DeviceError({ ...facts, detail });
}

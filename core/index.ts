// The four error classes and the facts that their texts are made of.
export { DeviceError, type ErrorFacts, formatFacts, InputError, InvariantError, PlanError } from "./errors.ts";

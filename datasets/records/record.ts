import { type ErrorFacts, InputError } from "../../core/index.ts";

/** Of one data source: as many as a job may train. */
export const MOST_RECORDS = 2 ** 24;

export function tooManyRecords(file: string): InputError {
  const hint = "`limit` takes the first ones.";
  return new InputError({ expected: `at most ${MOST_RECORDS} records`, file, got: "more", hint });
}

/** A place in a data file: whole lines from 1 where the form has lines, else a path such as "[12]". */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly at?: string;
}

/** One record as the file holds it, not yet checked. */
export interface DataRecord {
  readonly value: unknown;
  readonly place: Place;
  /** Why there is no value, where the record is not of the file's form and the file can be read on behind it. */
  readonly fault?: ErrorFacts;
}

/** The record at a place, whose value `read` makes or says why there is none. @throws anything but an InputError */
export function recordOf(place: Place, read: () => unknown): DataRecord {
  try {
    return { value: read(), place };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { value: undefined, place, fault: error.facts };
  }
}

export interface RecordOptions {
  /** The key of the array in a JSON object. */
  readonly split?: string | undefined;
  /** No more records than this are asked for. */
  readonly limit: number;
  /** Told how many bytes of the file have been read. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Reads the records of one file in order. */
export type RecordReader = (file: string, options: RecordOptions) => AsyncGenerator<DataRecord>;

/** `field` below a place, for error messages. */
export function fieldAt(place: Place, field: string): string {
  return place.at === undefined ? field : `${place.at}.${field}`;
}

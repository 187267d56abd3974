/** Whether cases that take minutes are run too, as `npm run test:nightly` has it. */
export const isNightly = process.env["LORATWIN_NIGHTLY"] === "1";

const DAY = "\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])";
const TIME = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const HEX = "[0-9A-Fa-f]";
const N = "\\d{1,6}";
const DATE_PART = `(${N}Y(${N}M(${N}D)?)?|${N}M(${N}D)?|${N}D)`;
const TIME_PART = `T(${N}H(${N}M(${N}S)?)?|${N}M(${N}S)?|${N}S)`;

/** Patterns of strings that have a format. Some are narrower than it. Source: JSON Schema 2020-12, validation, 7.3. */
export const FORMATS: Readonly<Record<string, string>> = {
  "date-time": `${DAY}T${TIME}`,
  date: DAY,
  time: TIME,
  duration: `P(${DATE_PART}(${TIME_PART})?|${TIME_PART}|${N}W)`,
  email: `[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+)*@${LABEL}(\\.${LABEL})+`,
  hostname: `${LABEL}(\\.${LABEL})*`,
  ipv4: `(${OCTET}\\.){3}${OCTET}`,
  ipv6: `(${HEX}{1,4}:){7}${HEX}{1,4}`,
  uuid: `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`,
};

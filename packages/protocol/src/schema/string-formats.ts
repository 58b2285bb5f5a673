/** Formats that are enforced. */
export const stringFormats = [
  "date",
  "time",
  "date-time",
  "duration",
  "uuid",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
] as const;
export type StringFormat = (typeof stringFormats)[number];

const date =
  "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))" +
  // A century is a leap year where 400 divides it.
  "|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
const time = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?";

const some = "\\d{1,9}";
const durationTime = `T(?:${some}H(?:${some}M(?:${some}S)?)?|${some}M(?:${some}S)?|${some}S)`;
const durationDate = `(?:${some}Y(?:${some}M(?:${some}D)?)?|${some}M(?:${some}D)?|${some}D)`;
const piece = "[0-9a-fA-F]{1,4}";
/** With `::` in place of pieces of zeros, so many at most before and behind it. */
const shortened = [1, 2, 3, 4, 5, 6].map((behind) => `(?:${piece}:){1,${7 - behind}}(?::${piece}){1,${behind}}`);

/**
 * As patterns. Each is its standard (RFC 3339 §5.6, RFC 9562 §4, RFC 5321 §4.1.2, RFC 2673 §3.2, RFC 1123 §2.1,
 * RFC 4291 §2.2) or narrower, never wider: no leap seconds; no IPv4 address in one of IPv6; names of at most four labels; in an address no quotes, and no more characters than 254 (RFC 5321 §4.5.3.1.3).
 */
export const patternOfFormat: Readonly<Record<StringFormat, string>> = {
  date: `^${date}$`,
  time: `^${time}$`,
  "date-time": `^${date}T${time}$`,
  uuid: "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
  email: `^[a-zA-Z0-9_+-](?:\\.?[a-zA-Z0-9_+-]){0,31}@(?:${label}\\.){1,3}[a-zA-Z]{2,18}$`,
  duration: `^P(?:${durationDate}(?:${durationTime})?|${durationTime}|${some}W)$`,
  hostname: `^(?:${label}\\.){0,3}${label}$`,
  ipv6: `^(?:(?:${piece}:){7}${piece}|(?:${piece}:){1,7}:|:(?::${piece}){1,7}|::|${shortened.join("|")})$`,
  ipv4: `^${byte}(?:\\.${byte}){3}$`,
};

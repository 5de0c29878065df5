/** Formats of strings as regular expressions: each text that matches has the format; rare ways to write one do not match. */

const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = `${byte}(?:\\.${byte}){3}`;
// Four labels of 62 characters are just within the 253 that a name may have.
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,60}[a-zA-Z0-9])?';
const hostname = `${label}(?:\\.${label}){0,3}`;
const hex = '[0-9a-fA-F]';
const group = `${hex}{1,4}`;
const date =
  '(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))' +
  '|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)';
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)';
const segment = "(?:[a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})";
const tail = `(?:/${segment}*)*(?:\\?(?:${segment}|[/?])*)?(?:#(?:${segment}|[/?])*)?`;
const uri = `[a-zA-Z][a-zA-Z0-9+.-]{1,20}://${hostname}(?::\\d{1,4})?${tail}`;
const number = '\\d{1,9}';

export const formats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  duration: `P(?:${number}W|${number}D(?:T${number}H)?|${number}M(?:${number}D)?|${number}Y(?:${number}M(?:${number}D)?)?|T(?:${number}S|${number}M(?:${number}S)?|${number}H(?:${number}M(?:${number}S)?)?))`,
  email: `[a-zA-Z0-9_+-]+(?:\\.[a-zA-Z0-9_+-]+)*@${label}(?:\\.${label}){1,3}`,
  hostname,
  ipv4,
  ipv6: `(?:${group}:){7}${group}|::(?:${group}:){0,5}${group}|${group}::(?:${group}:){0,4}${group}|::`,
  uri,
  'uri-reference': `(?:${uri}|/${segment}*${tail})`,
  uuid: `${hex}{8}(?:-${hex}{4}){3}-${hex}{12}`,
  'json-pointer': '(?:/(?:[^~/]|~[01])*)*',
  byte: '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?',
};

/** Formats of numbers (OpenAPI): the least and greatest value; undefined where the numbers of JSON are meant. */
export const numberFormats: Readonly<Record<string, { min: number; max: number } | undefined>> = {
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  int64: { min: -(2 ** 63), max: 2 ** 63 },
  float: undefined,
  double: undefined,
};

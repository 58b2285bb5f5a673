/** What stands between two quotes and is a name that JavaScript moves to the front of an object. */
const someIndexName = /"(?:\d|\\u003\d){1,10}"\s*:/;
const indexName = /^\d{1,10}$/;
/** Objects of one text with such names whose order is remembered; any further ones are listed as JavaScript has them. */
export const REMEMBERED_OBJECTS_MAX = 10_000;

const namesOf = new WeakMap<object, readonly string[]>();

/**
 * `JSON.parse` that remembers in which order members were written. JavaScript itself lists those first whose names
 * are whole numbers of up to ten digits, and so `{"name":…,"10":…,"2":…}` as 2, 10, name.
 *
 * @throws SyntaxError whose text quotes the JSON
 */
export function parseAsWritten(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (someIndexName.test(text)) rememberOrder(text, value);
  return value;
}

/** The names of an object's members, as they were written where `parseAsWritten` has read it. */
export const namesAsWritten = (object: object): readonly string[] => namesOf.get(object) ?? Object.keys(object);

interface Open {
  /** Undefined where the same name comes again later, with another value. */
  readonly value: unknown;
  /** Of an object. */
  readonly names: string[] | undefined;
  hasIndexName: boolean;
  /** Where the next value belongs. */
  at: string | number;
}

/** Walks a text that is known to be JSON beside its value. Where a name comes twice, the later one is remembered last. */
function rememberOrder(text: string, whole: unknown): void {
  const open: Open[] = [];
  let left = REMEMBERED_OBJECTS_MAX;
  for (let index = 0; index < text.length; index++) {
    const inside = open.at(-1);
    switch (text.charAt(index)) {
      case "{":
      case "[": {
        const isObject = text[index] === "{";
        const value = inside ? partOf(inside.value, inside.at) : whole;
        open.push({ value, names: isObject ? [] : undefined, hasIndexName: false, at: isObject ? "" : 0 });
        break;
      }
      case "}":
        if (inside && remember(inside, left > 0)) left--;
        open.pop();
        break;
      case "]":
        open.pop();
        break;
      case ",":
        if (typeof inside?.at === "number") inside.at++;
        break;
      case '"': {
        const end = endOfString(text, index);
        const name = inside?.names && nameBefore(text, index, end);
        if (inside && name !== undefined) {
          inside.names?.push(name);
          inside.hasIndexName ||= indexName.test(name);
          inside.at = name;
        }
        index = end;
        break;
      }
    }
  }
}

const partOf = (value: unknown, at: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, at) ? Reflect.get(value, at) : undefined;

/** Whether there was anything to remember, and room for it. */
function remember({ value, names, hasIndexName }: Open, hasRoom: boolean): boolean {
  if (!names || typeof value !== "object" || value === null) return false;
  const isRemembered = hasIndexName && hasRoom;
  if (isRemembered) namesOf.set(value, [...new Set(names)]);
  // Of an earlier value under the same name.
  else namesOf.delete(value);
  return isRemembered;
}

/** Where the quote is that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}

/** A string of an object is a name if a colon follows it. */
function nameBefore(text: string, start: number, end: number): string | undefined {
  let next = end + 1;
  while (/\s/.test(text.charAt(next))) next++;
  if (text[next] !== ":") return undefined;
  const name = text.slice(start + 1, end);
  return name.includes("\\") ? (JSON.parse(`"${name}"`) as string) : name;
}

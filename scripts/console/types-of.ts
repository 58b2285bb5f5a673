/** A JSON schema, as far as our own description uses them. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

interface Contents {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: Contents;
  readonly responses: Readonly<Record<string, Contents>>;
}

export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** Asked for through the client library, in the words of others' SDKs; their schemas are most of the description. */
const LEFT_OUT = "inference";

/**
 * The description as TypeScript, in the form that `openapi-fetch` reads. The usual generator needs the compiler's programming
 * interface, which the compiler that checks this repository no longer has (decisions/28-console.md).
 */
export function typesOf({ paths, components }: Description): string {
  const described = Object.entries(paths).flatMap(([path, operations]) => {
    const told = Object.entries(operations).filter(([, { tags = [] }]) => !tags.includes(LEFT_OUT));
    return told.length === 0 ? [] : `${quoted(path)}: {${told.map(operationOf).join("")}};`;
  });
  const schemas = Object.entries(components?.schemas ?? {}).map(([name, one]) => `${quoted(name)}: ${typeOf(one)};`);
  return `export interface paths {${described.join("\n")}}
export interface components {schemas: {${schemas.join("\n")}};}
`;
}

function operationOf([method, { parameters = [], requestBody, responses }]: [string, Operation]): string {
  const places = ["query", "header", "path"].map((place) => {
    const these = parameters.filter((one) => one.in === place);
    if (these.length === 0) return `${place}?: never;`;
    const isNeeded = these.some(({ required }) => required === true);
    const fields = these.map(({ name, required, schema }) => field(name, required === true, schema));
    return `${place}${isNeeded ? "" : "?"}: {${fields.join("")}};`;
  });
  const answers = Object.entries(responses).map(
    ([status, answer]) =>
      `${/^\d+$/.test(status) ? status : quoted(status)}: {headers: Record<string, unknown>; ${contentOf(answer)}};`,
  );
  const body = requestBody ? `requestBody: {${contentOf(requestBody)}};` : "requestBody?: never;";
  return `${method}: {parameters: {${places.join("")}}; ${body} responses: {${answers.join("")}};};`;
}

function contentOf({ content }: Contents): string {
  if (!content) return "content?: never;";
  const types = Object.entries(content).map(([type, { schema }]) => `${quoted(type)}: ${typeOf(schema)};`);
  return `content: {${types.join("")}};`;
}

/** @throws RangeError for what it does not know: a type that is too wide would find no mistake */
export function typeOf(schema: Schema): string {
  const { $ref, anyOf, oneOf, allOf } = schema;
  if ($ref !== undefined) return `components["schemas"][${quoted($ref.split("/").at(-1) ?? "")}]`;
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((one) => JSON.stringify(one)));
  const either = anyOf ?? oneOf;
  if (either) return union(either.map(typeOf));
  if (allOf) return `(${allOf.map(typeOf).join(" & ")})`;
  if (schema.type === undefined) return "unknown";
  return union([schema.type].flat().map((type) => plainType(type, schema)));
}

function plainType(type: string, { items, properties, required = [], additionalProperties }: Schema): string {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `${items ? typeOf(items) : "unknown"}[]`;
    case "object": {
      const others = additionalProperties === true ? {} : additionalProperties;
      const fields = Object.entries(properties ?? {}).map(([name, one]) => field(name, required.includes(name), one));
      if (fields.length > 0) return `{${fields.join("")}}`;
      return `Record<string, ${others ? typeOf(others) : "never"}>`;
    }
    default:
      throw new RangeError(`The description has a type that is not known here: ${type}`);
  }
}

const field = (name: string, isNeeded: boolean, schema: Schema): string =>
  `${quoted(name)}${isNeeded ? "" : "?"}: ${typeOf(schema)}${isNeeded ? "" : " | undefined"};`;

const union = (types: readonly string[]): string => `(${[...new Set(types)].join(" | ")})`;
const quoted = (name: string): string => JSON.stringify(name);

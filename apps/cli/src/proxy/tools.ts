import { homedir } from "node:os";
import { join } from "node:path";
import { parseDocument, isMap, isSeq } from "yaml";
import { writeToml, withoutToml } from "./toml-blocks.ts";

/** What a program has to know of a proxy. */
export interface ProxyAt {
  /** Without `/v1`. */
  readonly url: string;
  readonly token: string;
  readonly model: string | undefined;
}

/** A program whose settings can be written, in a file of its own that may hold others. */
export interface Tool {
  readonly file: () => string;
  /** Without one it has nothing to ask for. */
  readonly needsModel: boolean;
  /** The file with our settings in it. @throws where the text is not in the program's own form */
  readonly write: (text: string, at: ProxyAt) => string;
  /** The file without them, as far as they still stand; what they replaced comes from the text before. @throws likewise */
  readonly undo: (text: string, before: string, at: ProxyAt) => string;
}

type Path = readonly string[];
type Entries = readonly (readonly [path: Path, value: unknown])[];

const home = (...names: readonly string[]): string => join(homedir(), ...names);

/** Settings at paths of a JSON file. */
const inJson = (entriesOf: (at: ProxyAt) => Entries): Pick<Tool, "write" | "undo"> => ({
  write: (text, at) => {
    const root = objectIn(text);
    for (const [path, value] of entriesOf(at)) put(root, path, value);
    return `${JSON.stringify(root, null, 2)}\n`;
  },
  undo: (text, before, at) => {
    const [root, earlier] = [objectIn(text), objectIn(before)];
    for (const [path, value] of entriesOf(at))
      if (JSON.stringify(valueAt(root, path)) === JSON.stringify(value)) put(root, path, valueAt(earlier, path));
    return `${JSON.stringify(root, null, 2)}\n`;
  },
});

/** The same of a YAML file; its comments stay. */
const inYaml = (entriesOf: (at: ProxyAt) => Entries): Pick<Tool, "write" | "undo"> => ({
  write: (text, at) => {
    const document = mapIn(text);
    for (const [path, value] of entriesOf(at)) document.setIn(path, value);
    return document.toString();
  },
  undo: (text, before, at) => {
    const [document, earlier] = [mapIn(text), mapIn(before)];
    for (const [path, value] of entriesOf(at)) {
      if (document.getIn(path) !== value) continue;
      if (earlier.hasIn(path)) document.setIn(path, earlier.getIn(path));
      else document.deleteIn(path);
    }
    return document.toString();
  },
});

const CONTINUE_NAME = "Darkbloom";

/** By the names that `proxy setup` takes. */
export const tools: Readonly<Record<string, Tool>> = {
  "claude-code": {
    file: () => join(process.env["CLAUDE_CONFIG_DIR"] ?? home(".claude"), "settings.json"),
    needsModel: false,
    ...inJson(({ url, token, model }) => [
      [["env", "ANTHROPIC_BASE_URL"], url],
      [["env", "ANTHROPIC_AUTH_TOKEN"], token],
      ...(model === undefined
        ? []
        : ([
            [["env", "ANTHROPIC_MODEL"], model],
            [["env", "ANTHROPIC_DEFAULT_HAIKU_MODEL"], model],
          ] as const)),
    ]),
  },
  codex: {
    file: () => join(process.env["CODEX_HOME"] ?? home(".codex"), "config.toml"),
    needsModel: false,
    write: (text, { url, token, model }) =>
      writeToml(text, {
        top: { model_provider: "darkbloom", ...(model !== undefined && { model }) },
        table: "model_providers.darkbloom",
        entries: [
          'name = "Darkbloom"',
          `base_url = ${JSON.stringify(`${url}/v1`)}`,
          'wire_api = "responses"',
          `http_headers = { "Authorization" = ${JSON.stringify(`Bearer ${token}`)} }`,
        ],
      }),
    undo: (text) => withoutToml(text),
  },
  opencode: {
    file: () => join(process.env["XDG_CONFIG_HOME"] ?? home(".config"), "opencode", "opencode.json"),
    needsModel: true,
    ...inJson(({ url, token, model = "" }) => [
      [
        ["provider", "darkbloom"],
        {
          npm: "@ai-sdk/openai-compatible",
          name: "Darkbloom",
          options: { baseURL: `${url}/v1`, apiKey: token },
          models: { [model]: {} },
        },
      ],
      [["model"], `darkbloom/${model}`],
    ]),
  },
  aider: {
    file: () => home(".aider.conf.yml"),
    needsModel: true,
    ...inYaml(({ url, token, model = "" }) => [
      [["openai-api-base"], `${url}/v1`],
      [["openai-api-key"], token],
      [["model"], `openai/${model}`],
    ]),
  },
  continue: {
    file: () => home(".continue", "config.yaml"),
    needsModel: true,
    write: (text, { url, token, model }) => {
      const document = mapIn(withoutContinue(text));
      if (!document.has("name")) document.set("name", "Local");
      if (!document.has("version")) document.set("version", "1.0.0");
      if (!document.has("schema")) document.set("schema", "v1");
      const entry = { name: CONTINUE_NAME, provider: "openai", model, apiBase: `${url}/v1`, apiKey: token };
      if (isSeq(document.get("models"))) document.addIn(["models"], document.createNode(entry));
      else document.set("models", document.createNode([entry]));
      return document.toString();
    },
    undo: (text) => withoutContinue(text),
  },
};

function withoutContinue(text: string): string {
  const document = mapIn(text);
  const models = document.get("models");
  if (!isSeq(models)) return text;
  models.items = models.items.filter((item) => !isMap(item) || item.get("name") !== CONTINUE_NAME);
  if (models.items.length === 0) document.delete("models");
  return document.toString();
}

function mapIn(text: string) {
  const document = parseDocument(text.trim() === "" ? "{}" : text);
  if (document.errors.length > 0 || !isMap(document.contents)) throw new SyntaxError("no settings in YAML");
  document.contents.flow = false;
  return document;
}

function objectIn(text: string): Record<string, unknown> {
  const root: unknown = text.trim() === "" ? {} : JSON.parse(text);
  if (typeof root !== "object" || root === null || Array.isArray(root)) throw new SyntaxError("no settings in JSON");
  return root as Record<string, unknown>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function valueAt(root: Record<string, unknown>, path: Path): unknown {
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), root);
}

/** Undefined takes it out, and an object that is empty then. @throws where something else than an object stands in the way */
function put(root: Record<string, unknown>, [name = "", ...rest]: Path, value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete root[name];
    else root[name] = value;
    return;
  }
  const inner = root[name] ?? {};
  if (!isObject(inner)) throw new SyntaxError(`${name} holds no settings`);
  put(inner, rest, value);
  if (Object.keys(inner).length > 0) root[name] = inner;
  else delete root[name];
}

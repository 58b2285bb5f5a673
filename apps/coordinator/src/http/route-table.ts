import type { Access, Declaration } from "./access.ts";
import type { Placed } from "./routes.ts";

type Row = readonly string[];

const heads: Row = ["Method", "Path", "Who may", "Counted by", "What it is"];

/** The page `docs/routes.md`: every route, and who may use it, from what the routes declare. */
export function routesPage(
  routes: readonly Placed[],
  upgrades: Readonly<Record<string, Declaration>>,
  overSocket: readonly Placed[] = [],
): string {
  return `# Routes

Every route of a coordinator, and who may use it. The page is made of what each route declares, which is also what is
enforced and what \`GET /openapi.json\` says: \`npm run routes\` writes it, and a test holds it to the code. A route that declares
nothing stops the start. [LIMITS.md](../LIMITS.md) has the figures behind "counted by".

## On the port

${table([...routes.map(rowOf), ...Object.entries(upgrades).map(upgradeRow)])}
${overSocket.length === 0 ? "" : operatorPart(overSocket)}`;
}

const operatorPart = (routes: readonly Placed[]): string => `
## On the socket in the data folder

\`admin.sock\` (mode 0600): whoever may open it is the operator. The command line uses these; so can you, e.g.
\`curl --unix-socket .darkbloom/coordinator/admin.sock http://admin/v1/admin/keys\`.

${table(routes.map(rowOf))}
`;

const table = (rows: readonly Row[]): string =>
  [heads, heads.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");

const rowOf = ({ method, path, route }: Placed): Row => {
  const { config, schema } = route;
  return [method, `\`${path.replace("*", "…")}\``, whoMay(config), countedBy(config), summaryOf(schema)];
};

const upgradeRow = ([path, declared]: [string, Declaration]): Row => [
  "WebSocket",
  `\`${path}\``,
  whoMay(declared),
  declared.access === "provider" ? countedBy(declared) : "each message: account",
  declared.access !== "provider" ? "The same as with POST, a request a message" : "A provider's connection",
];

const whoMay = ({ access, scope, whileDraining }: Declaration): string =>
  whoseAccess(access) +
  (scope ? `, or a token for \`${scope}\`` : "") +
  (whileDraining === "refused" ? "; nobody while it drains" : "");

function whoseAccess(access: Access): string {
  if (typeof access === "object") return access.who;
  switch (access) {
    case "open":
      return "everybody";
    case "key":
      return "an API key";
    case "session":
      return "a session";
    case "key or session":
      return "an API key or a session";
    case "operator":
      return "an operator";
    case "provider":
      return "a provider, as [SECURITY.md](../SECURITY.md) says";
  }
}

function countedBy({ access, limit }: Declaration): string {
  if (limit === "none") return "-";
  if (typeof access === "object") return "address, or account";
  return access === "open" || access === "provider" ? "address" : "account";
}

const summaryOf = (schema: unknown): string =>
  typeof schema === "object" && schema !== null && "summary" in schema ? String(schema.summary) : "";

import type { Doc } from "./tree.ts";

const found = {
  ...import.meta.glob<Doc>("../../../../../docs/*.md", { import: "default" }),
  ...import.meta.glob<Doc>(["../../../../../{README,SECURITY,LIMITS,CHANGELOG}.md"], { import: "default" }),
};

/** In this order; what is not named comes behind, by its name. */
const order = [
  ["Begin", "readme", "clients", "models", "keys", "payments", "earnings", "teams", "accounts"],
  [
    "Check what you are told",
    "client",
    "proxy",
    "verify-an-answer",
    "transparency-log",
    "who-sees-what",
    "security",
    "sealed-mode",
  ],
  ["Machines", "machines", "hardware", "write-a-provider"],
  ["Run a network", "settings", "reverse-proxy", "routes", "limits", "changelog"],
] as const;

/** What a page is called before it is loaded, where its file's name says too little. */
const titles: Readonly<Record<string, string>> = {
  readme: "What this is",
  clients: "Clients that work",
  client: "The client library",
  proxy: "The proxy on your machine",
  security: "What we claim",
  limits: "Every bound",
  changelog: "What has changed",
  routes: "Every route",
  settings: "Every setting",
  hardware: "Trust level hardware",
};

export interface Page {
  readonly name: string;
  readonly title: string;
  readonly load: () => Promise<Doc>;
}

const nameOf = (path: string): string => (path.split("/").at(-1) ?? "").replace(/\.md$/, "").toLowerCase();
const inWords = (name: string): string => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("-", " ");

const byName = new Map(
  Object.entries(found).map(([path, load]): [string, Page] => {
    const name = nameOf(path);
    return [name, { name, title: titles[name] ?? inWords(name), load }];
  }),
);

export const pageNamed = (name: string): Page | undefined => byName.get(name);

export const chapters: readonly { readonly heading: string; readonly pages: readonly Page[] }[] = (() => {
  const named = new Set<string>(order.flat());
  const rest = [...byName.keys()].filter((name) => !named.has(name)).toSorted();
  return [...order, ...(rest.length > 0 ? [["More", ...rest] as const] : [])].map(([heading, ...names]) => ({
    heading,
    pages: names.flatMap((name) => byName.get(name) ?? []),
  }));
})();

/** Where a link of a page leads here: a page and a part of it, another site, or nowhere that is served. */
export function leadsTo(
  href: string,
): { readonly page: string; readonly part: string } | { readonly url: string } | undefined {
  if (/^https?:\/\//.test(href)) return { url: href };
  const [path = "", part = ""] = href.split("#");
  if (path === "") return { page: "", part };
  if (!/^(\.\.\/|docs\/)?[\w-]+\.md$/.test(path)) return undefined;
  const name = nameOf(path);
  return byName.has(name) ? { page: name, part } : undefined;
}

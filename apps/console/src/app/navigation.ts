import type { IconName } from "../parts/icons.tsx";
import type { Me } from "../api/me.ts";

/** For whom a page is. */
export type Audience = "everyone" | "consumer" | "provider" | "operator";

export interface PageEntry {
  /** Of its file in `pages`, and of its address. */
  readonly name: string;
  readonly title: string;
  readonly icon: IconName;
  readonly audience: Audience;
  /** What its address may go on with, e.g. `$id`; the page reads it. */
  readonly deeper?: string;
  /** Not in the list at the side: other pages lead there. */
  readonly isHidden?: boolean;
}

/** Every page, in the order of the list. One whose file is not there is not shown. */
const planned: readonly PageEntry[] = [
  { name: "network", title: "Network", icon: "network", audience: "everyone" },
  { name: "models", title: "Models", icon: "models", audience: "everyone" },
  { name: "docs", title: "Docs", icon: "docs", audience: "everyone", deeper: "$page" },
  { name: "overview", title: "Overview", icon: "overview", audience: "consumer" },
  { name: "playground", title: "Playground", icon: "playground", audience: "consumer" },
  { name: "activity", title: "Activity", icon: "activity", audience: "consumer", deeper: "$jobId" },
  { name: "keys", title: "Keys", icon: "keys", audience: "consumer" },
  { name: "credits", title: "Credits", icon: "credits", audience: "consumer" },
  { name: "team", title: "Team", icon: "team", audience: "consumer", deeper: "$teamId" },
  { name: "account", title: "Account", icon: "account", audience: "consumer" },
  { name: "my-machines", title: "My machines", icon: "machine", audience: "provider", deeper: "$machineId" },
  { name: "add-machine", title: "Add a machine", icon: "add", audience: "provider" },
  { name: "payouts", title: "Payouts", icon: "payouts", audience: "provider" },
  { name: "live", title: "Live", icon: "live", audience: "operator" },
  { name: "people", title: "People", icon: "team", audience: "operator" },
  { name: "machines", title: "Machines", icon: "machine", audience: "operator" },
  { name: "catalogue", title: "Catalogue", icon: "catalogue", audience: "operator" },
  { name: "ledger", title: "Ledger", icon: "ledger", audience: "operator" },
  { name: "audit", title: "Audit", icon: "audit", audience: "operator" },
];

const files = import.meta.glob<PageFile>("../pages/*.tsx");

/** A page's file: what it shows, by the name that the router asks for. */
interface PageFile {
  readonly default: () => React.ReactNode;
}

const fileOf = ({ name }: PageEntry): string => `../pages/${name}.tsx`;

export const pages = planned.filter((entry) => fileOf(entry) in files);

export const addressOf = ({ name }: Pick<PageEntry, "name">): string => `/console/${name}`;

/** @throws RangeError for a page without a file */
export async function loadPage(entry: PageEntry): Promise<PageFile> {
  const load = files[fileOf(entry)];
  if (!load) throw new RangeError(`there is no page ${entry.name}`);
  return load();
}

/** Whether somebody may see it. Nobody's secrets depend on it: each route of the coordinator asks again. */
export const maySee = ({ audience }: Pick<PageEntry, "audience">, me: Me | null): boolean =>
  audience === "everyone" || (me !== null && (audience !== "operator" || me.role === "operator"));

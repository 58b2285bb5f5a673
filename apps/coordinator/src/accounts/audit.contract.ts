import type { PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import type { Audit, AuditEntry } from "./audit.ts";

const entry = (at: number): AuditEntry => ({
  at,
  actor: at % 2 === 0 ? "socket" : ("person_1" as PersonId),
  action: "keys.create",
  subject: `key_${at}`,
});

/** What any store of the audit log must do. `open` gives an empty one. */
export function auditContract(name: string, open: () => Promise<Audit>): void {
  describe(`audit contract: ${name}`, () => {
    /** Goal: what was done can be read back, page by page, with nothing lost or twice. Method: five entries in pages of two. */
    it("tells the newest first, in pages", async () => {
      const audit = await open();
      for (const at of [1, 2, 3, 4, 5]) await audit.add(entry(at));
      const seen: AuditEntry[] = [];
      for (let before: number | undefined; ;) {
        const page = await audit.list(2, before);
        if (page.length === 0) break;
        seen.push(...page.map(({ at, actor, action, subject }) => ({ at, actor, action, subject })));
        before = page.at(-1)?.seq;
      }
      expect(seen).toEqual([5, 4, 3, 2, 1].map(entry));
    });

    /** Goal: somebody learns what they did and what was done to them, and nothing of others. Method: as actor, as subject, as part of one, and others whose names begin or end alike. */
    it("tells what is about somebody", async () => {
      const audit = await open();
      const [anna, annabel] = ["person_anna", "person_annabel"] as const;
      const subjects = [anna, annabel, `acct_lab/${anna}`, `${anna}/asked`, `acct_lab/${annabel}`, `x${anna}`];
      await audit.add({ ...entry(1), actor: anna as PersonId });
      for (const subject of subjects) await audit.add({ ...entry(2), subject });
      const about = async (rows: number) =>
        (await audit.about(anna as PersonId, rows)).map(({ actor, subject }) => [actor, subject]);
      expect(await about(9)).toEqual([
        ["socket", `${anna}/asked`],
        ["socket", `acct_lab/${anna}`],
        ["socket", anna],
        [anna, "key_1"],
      ]);
      expect(await about(1)).toHaveLength(1);
    });

    /** Goal: two that happened at once are two. Method: the same entry twice. */
    it("keeps what happens again", async () => {
      const audit = await open();
      await audit.add(entry(1));
      await audit.add(entry(1));
      expect(await audit.list(10)).toHaveLength(2);
    });
  });
}

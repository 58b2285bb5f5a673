import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf, timeOf } from "../output.ts";

const heads = ["SEQ", "AT", "WHO", "WHAT", "TO"];
const ROWS_DEFAULT = "100";

export const accountAudit = command({
  path: "account audit",
  does: "Tell what sessions and operators have changed, newest first; --before goes on where the last page ended.",
  examples: ["account audit --data .darkbloom", "account audit --rows 500 --before 1200 --json"],
  needs: {
    ...adminNeeds,
    rows: { default: ROWS_DEFAULT },
    before: "optional",
  },
  async run({ rows, before, json, ...place }) {
    const entries = await administer(place, (admin) => admin.listAudit({ rows, before }));
    const output = outputOf(json);
    if (json) {
      for (const { at, ...entry } of entries) output.result({ ...entry, at: timeOf(at) }, () => "");
      return 0;
    }
    const cells = entries.map(({ seq, at, actor, action, subject }) => [
      String(seq),
      timeOf(at),
      actor,
      action,
      subject,
    ]);
    output.result({}, () => (cells.length === 0 ? "Nothing was changed yet." : columns([heads, ...cells])));
    return 0;
  },
});

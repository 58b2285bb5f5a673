import { isErased, type Person } from "@darkbloom/coordinator/accounts/people";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf, timeOf } from "../output.ts";

const heads = ["PERSON ID", "NAME", "MAIL", "ROLE", "ACCOUNT", "MADE", "STATE"];

export const accountList = command({
  path: "account list",
  does: "List who can sign in, or could, oldest first.",
  examples: ["account list --data .darkbloom", "account list --json"],
  needs: adminNeeds,
  async run({ json, ...at }) {
    const people = await administer(at, (admin) => admin.listPeople());
    const output = outputOf(json);
    if (json) {
      for (const { personId, name, mail, role, account, createdAt, disabledAt } of people)
        output.result(
          {
            person_id: personId,
            name,
            mail,
            role,
            account,
            created_at: timeOf(createdAt),
            disabled_at: timeOf(disabledAt),
          },
          () => "",
        );
      return 0;
    }
    const rows = people.map(({ personId, name, mail, role, account, createdAt, disabledAt }) => [
      personId,
      name,
      mail ?? "-",
      role,
      account,
      timeOf(createdAt),
      stateOf({ name, disabledAt }),
    ]);
    output.result({}, () =>
      rows.length === 0
        ? "There is nobody yet. 'darkbloom account link' makes the operator."
        : columns([heads, ...rows]),
    );
    return 0;
  },
});

const stateOf = (one: Pick<Person, "name" | "disabledAt">): string => {
  if (one.disabledAt === null) return "may sign in";
  return `${isErased(one) ? "erased" : "disabled"} ${timeOf(one.disabledAt)}`;
};

import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf, timeOf } from "../output.ts";

const SAMPLE_ID = "person_0123456789abcdef0123456789abcdef";

const changeCommand = (
  path: string,
  does: string,
  act: (admin: Admin, personId: string) => ReturnType<Admin["enablePerson"]>,
  done: string,
) =>
  command({
    path,
    does,
    examples: [`${path} ${SAMPLE_ID} --data .darkbloom`],
    needs: adminNeeds,
    operand: "PERSON_ID",
    async run({ json, ...at }, which) {
      const { personId, disabledAt } = await administer(at, (admin) => act(admin, which));
      outputOf(json).result({ person_id: personId, disabled_at: timeOf(disabledAt) }, () => `${personId} ${done}`);
      return 0;
    },
  });

export const accountDisable = changeCommand(
  "account disable",
  "Let somebody sign in no more, at once: ends their sessions, revokes the keys of their account and unlinks its machines.",
  (admin, personId) => admin.disablePerson(personId),
  "can sign in no more. All sessions are ended, all keys of the account are revoked, and its machines are unlinked.",
);

export const accountEnable = changeCommand(
  "account enable",
  "Let somebody sign in again. Their keys stay revoked.",
  (admin, personId) => admin.enablePerson(personId),
  "can sign in again. New keys are made with 'darkbloom keys create'.",
);

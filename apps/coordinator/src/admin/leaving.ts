import { wordsOfErasure, type ErasureObstacle } from "@darkbloom/protocol/erasure";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import type { LeavingReason } from "../accounts/audit.ts";
import {
  erase,
  planErasure,
  type Confirmed,
  type ErasedPerson,
  type ErasurePlan,
  type ErasureWorld,
} from "../accounts/erasure.ts";
import { AdminError } from "./fault.ts";
import { known, type PeopleWorld } from "./people.ts";
import { exportOf, type ExportWorld, type PersonExport } from "./person-export.ts";

/** What an erasure would come to, as it is told. */
export interface ToldPlan {
  readonly personId: PersonId;
  readonly account: AccountId;
  readonly obstacles: readonly { readonly obstacle: ErasureObstacle["obstacle"]; readonly words: string }[];
  /** Micro-USD. */
  readonly forfeit: bigint;
  readonly keys: number;
  readonly machines: number;
  readonly teams: number;
}

export interface LeavingAdmin {
  /** All that is kept about somebody. */
  exportPerson(personId: string, reason: LeavingReason): Promise<PersonExport>;
  /** What stands in the way of an erasure, and what would go with it. Changes nothing. */
  planErasure(personId: string): Promise<ToldPlan>;
  /** Takes away all that names somebody, for good. */
  erasePerson(personId: string, meant: Confirmed & { readonly reason: LeavingReason }): Promise<ErasedPerson>;
}

export type LeavingWorld = ExportWorld & Omit<ErasureWorld, "forget"> & Pick<PeopleWorld, "links">;

export function leavingAdminOf(world: LeavingWorld): LeavingAdmin {
  const { links } = world;
  const erasing: ErasureWorld = { ...world, forget: links?.forget.bind(links) };
  // An id is only a name to look up; an unknown one finds nothing.
  return {
    exportPerson: async (personId) => known(await exportOf(world, personId as PersonId)),
    planErasure: async (personId) => toldPlan(known(await planErasure(erasing, personId as PersonId))),
    async erasePerson(personId, meant) {
      try {
        return known(await erase(erasing, personId as PersonId, meant));
      } catch (error) {
        if (!(error instanceof NetworkError) || error.failure.code !== "erasure_refused") throw error;
        const isUnconfirmed = error.failure.obstacle === "unconfirmed";
        throw new AdminError(isUnconfirmed ? "unconfirmed" : "in_the_way", wordsOfErasure(error.failure), {
          cause: error,
        });
      }
    },
  };
}

export const toldPlan = ({ person, obstacles, ...counted }: ErasurePlan): ToldPlan => ({
  ...counted,
  personId: person.personId,
  account: person.account,
  obstacles: obstacles.map((one) => ({ obstacle: one.obstacle, words: wordsOfErasure(one) })),
});

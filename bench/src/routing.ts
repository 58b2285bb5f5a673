import { Fleet, SampleMember, Slots, verdictOf, wantOf } from "@darkbloom/coordinator/testing";
import type { AccountId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { systemClock, systemRandom } from "@darkbloom/protocol/node";

const MACHINES = 1_260;
const WAITING = 256;
const ACCOUNTS = 16;

/** A large network, all of whose machines serve one model: who gets the next slot, and what one machine's change costs. */
export function routingSteps(): Record<string, () => void> {
  return { ...choosing(), ...changing() };
}

const gone = new AbortController();

function network(slots: number) {
  let later: (() => void)[] = [];
  const fleet = new Fleet((act) => void later.push(act));
  const turn = () => {
    const acts = later;
    later = [];
    for (const act of acts) act();
  };
  const members = Array.from({ length: MACHINES }, (_, n) => {
    const pace = { firstContentMs: 100 + (n % 50), promptMsPerByte: 0.1, decodeTokensPerSec: 50 + (n % 40) };
    return new SampleMember(fleet, `prov_${n}`, { slots, pace: { ...pace, measuredAtMs: systemClock.monotonicMs() } });
  });
  for (const member of members) fleet.join(member);
  turn();
  const room = new Slots(fleet, systemClock, systemRandom);
  let jobs = 0;
  const ask = () => {
    const jobId = `job_${jobs++}` as JobId;
    const request = { want: wantOf(), tried: new Set<ProviderId>(), jobId, bytes: 1 };
    // It ends with this process.
    void room.acquire({ ...request, account: `acct_${jobs % ACCOUNTS}` as AccountId }, gone.signal).catch(() => {});
    return jobId;
  };
  return { members, room, ask, turn };
}

function choosing(): Record<string, () => void> {
  const { members, ask, turn } = network(1_000_000);
  return {
    [`choose among ${MACHINES} machines`]: () => {
      const jobId = ask();
      members.find(({ lines }) => lines.at(-1) === jobId)?.close(jobId);
      turn();
    },
  };
}

function changing(): Record<string, () => void> {
  const { members, ask, turn } = network(1);
  for (let n = 0; n < MACHINES + WAITING; n++) ask();
  const [strict, other] = members;
  if (!strict || !other) throw new RangeError("no machines");
  const flips = (member: SampleMember, shut: Parameters<SampleMember["become"]>[0]) => () => {
    const { conduct } = member.view;
    member.become({ running: 0, conduct, ...shut });
    turn();
  };
  const until = systemClock.monotonicMs() + 24 * 60 * 60_000;
  return {
    [`a machine that may not serve changes, ${WAITING} wait`]: flips(strict, { verdict: verdictOf("none") }),
    [`one left out for faults changes, ${WAITING} wait`]: flips(other, {
      conduct: { faultsAtMs: [], ejectedUntilMs: until, isProbed: true },
    }),
  };
}

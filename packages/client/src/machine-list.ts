import type { Attestation, Attestations } from "@darkbloom/protocol/evidence";
import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import { DarkbloomError, type FaultCode } from "./errors.ts";
import { LIST_AGE_MS_MAX, LOG_DELAY_MS, REFRESH_AHEAD_MS, REFRESH_EVERY_MS } from "./limits.ts";
import type { LogWatch } from "./log-watch.ts";
import { judge, type Machine, type Refusal } from "./machine.ts";
import type { Rules } from "./policy.ts";
import type { Ports } from "./ports.ts";

/** What a coordinator shows of machines, and of the model that they were asked for. */
export type Shown = Attestations;

interface List extends Shown {
  readonly readAt: number;
}

/** Machines that are as the policy wants them, and the model that was asked for. */
export interface Acceptable {
  readonly machines: readonly Machine[];
  readonly model: Shown["model"];
}

export interface ListNet {
  readonly ports: Ports;
  readonly rules: Rules;
  readonly log: LogWatch | undefined;
  /** @throws DarkbloomError */
  ask(): Promise<Shown>;
  /** By how much our clock is ahead of the one that the coordinator says it has. */
  secondsAhead(): number;
}

/**
 * Machines by their evidence: fetched once, judged when they are needed, kept until the evidence ends and fetched anew ahead of
 * that, so that a usual request waits for none of it.
 */
export class MachineList {
  readonly #net: ListNet;
  readonly #judged = new WeakMap<Attestation, Promise<Machine>>();
  #list: List | undefined;
  /** An answer may name what the list before had: its machine's keys were replaced meanwhile. */
  #before: List | undefined;
  #reading: Promise<List> | undefined;
  #askedAt = -Infinity;

  constructor(net: ListNet) {
    this.#net = net;
  }

  /**
   * In the coordinator's order, at most so many.
   *
   * @throws DarkbloomError where there is none, with the reasons
   */
  async acceptable(wanted: number): Promise<Acceptable> {
    const list = this.#list;
    if (list) {
      const { good } = await this.#choose(list, wanted);
      if (good.length > 0) {
        this.#refreshAhead(list, good);
        return { machines: good, model: list.model };
      }
    }
    return this.#among(await this.#read(), wanted);
  }

  /** Of what a coordinator shows in place of its list. @throws DarkbloomError where there is none */
  async among(shown: Shown, wanted: number): Promise<Acceptable> {
    return this.#among(this.#keep(shown), wanted);
  }

  async #among(list: List, wanted: number): Promise<Acceptable> {
    const { good, refused } = await this.#choose(list, wanted);
    if (good.length > 0) return { machines: good, model: list.model };
    throw noneIs(refused, this.#net.secondsAhead());
  }

  /** The machine that a receipt names. One that joined since is looked for once more. */
  async named(evidenceSha256: string): Promise<Machine | undefined> {
    const known = this.#find(evidenceSha256);
    if (known) return known;
    await this.#read();
    return this.#find(evidenceSha256);
  }

  #find(evidenceSha256: string): Promise<Machine> | undefined {
    for (const { providers } of [this.#list, this.#before].filter((list) => list !== undefined)) {
      const named = providers.find((one) => one.evidence_sha256 === evidenceSha256);
      if (named) return this.#machine(named);
    }
    return undefined;
  }

  async #choose({ providers, model }: List, wanted: number): Promise<{ good: Machine[]; refused: Refusal[] }> {
    const good: Machine[] = [];
    const refused: Refusal[] = [];
    for (const one of providers) {
      const machine = await this.#machine(one);
      const refusal = machine.refusal ?? this.#refusalNow(machine, model);
      if (refusal) refused.push(refusal);
      else if (good.push(machine) === wanted) break;
    }
    return { good, refused };
  }

  /** What changes with time, and with the model that it is asked for. */
  #refusalNow({ expiresAt, models }: Machine, model: Shown["model"]): Refusal | undefined {
    if (expiresAt <= this.#net.ports.now()) return "evidence_stale";
    const offers =
      model === undefined ||
      models.some(({ build, weights_sha256 }) => build === model.build && weights_sha256 === model.weights_sha256);
    return offers ? undefined : "other_build";
  }

  #machine(shown: Attestation): Promise<Machine> {
    const known = this.#judged.get(shown);
    if (known) return known;
    const judged = this.#judge(shown);
    this.#judged.set(shown, judged);
    // A log that did not answer says nothing of the machine, and one that lacks it now may hold it later.
    const forget = (): unknown => this.#judged.delete(shown);
    judged.then(({ refusal }) => refusal?.startsWith("not_logged") === true && forget(), forget);
    return judged;
  }

  async #judge(shown: Attestation): Promise<Machine> {
    const { ports, rules, log } = this.#net;
    const machine = await judge(ports.crypto, shown, rules, ports.now());
    if (machine.refusal === "evidence_false" && (await this.#holdsByTheirClock(shown)))
      return { ...machine, refusal: "clock_off" };
    if (machine.refusal || !log || !machine.blob) return machine;
    const logged = await log.place(machine.blob, shown.evidence_sha256);
    if (logged) return { ...machine, logged };
    const isNew = ports.now() - Date.parse(machine.blob.at) < LOG_DELAY_MS;
    return { ...machine, refusal: isNew ? "not_logged_yet" : "not_logged" };
  }

  /** Who has another time than everybody else sees evidence from the future. It is refused all the same, in other words. */
  async #holdsByTheirClock(shown: Attestation): Promise<boolean> {
    const { ports, rules } = this.#net;
    const secondsAhead = this.#net.secondsAhead();
    if (!isClockOff(secondsAhead)) return false;
    const { refusal } = await judge(ports.crypto, shown, rules, ports.now() - secondsAhead * 1000);
    return refusal !== "evidence_false";
  }

  #refreshAhead({ readAt }: List, used: readonly Machine[]): void {
    const now = this.#net.ports.now();
    const isNear = used.some(({ expiresAt }) => expiresAt - now < REFRESH_AHEAD_MS) || now - readAt > LIST_AGE_MS_MAX;
    if (!isNear || now - this.#askedAt < REFRESH_EVERY_MS) return;
    // The old list serves meanwhile, and for as long as its evidence does.
    this.#read().catch(() => undefined);
  }

  #read(): Promise<List> {
    this.#askedAt = this.#net.ports.now();
    this.#reading ??= this.#net
      .ask()
      .then((shown) => this.#keep(shown))
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  #keep(shown: Shown): List {
    this.#before = this.#list;
    this.#list = { ...shown, readAt: this.#net.ports.now() };
    return this.#list;
  }
}

const reasons: Readonly<Record<Refusal, readonly [words: string, code: FaultCode]>> = {
  evidence_false: ["showed what is not so", "evidence_false"],
  evidence_stale: ["answered no challenge lately", "evidence_stale"],
  clock_off: ["showed what does not hold by your clock", "evidence_stale"],
  below_level: ["is below the policy's minTrust", "policy_unmet"],
  not_pinned: ["is not one of the pinned", "policy_unmet"],
  other_build: ["has none of the allowed builds", "policy_unmet"],
  not_logged_yet: ["joined just now, and the log does not hold its keys yet", "no_machine"],
  not_logged: ["has keys that the log does not hold", "log_missing"],
};

/** What it takes the most to mend is said of all of them. */
const gravest: readonly FaultCode[] = ["policy_unmet", "no_machine", "evidence_stale", "log_missing", "evidence_false"];

const isClockOff = (secondsAhead: number): boolean => Math.abs(secondsAhead) * 1000 > CLOCK_SKEW_MS;

function noneIs(refused: readonly Refusal[], secondsAhead: number): DarkbloomError {
  if (refused.length === 0)
    return new DarkbloomError(
      "no_machine",
      "No machine is connected that could be asked. Nothing was sent. Try again later.",
    );
  const counted = [...new Set(refused)].map(
    (one) => `${refused.filter((other) => other === one).length} ${reasons[one][0]}`,
  );
  const code = gravest.find((one) => refused.some((refusal) => reasons[refusal][1] === one)) ?? "policy_unmet";
  const hint = refused.includes("below_level")
    ? ' `hardware` needs the makers\' `roots`; `minTrust: "self_signed"` or `pins` ask for less.'
    : "";
  const clock =
    code === "evidence_stale" && isClockOff(secondsAhead)
      ? ` Your clock differs from the coordinator's by ${Math.abs(secondsAhead)} s: it is ${secondsAhead > 0 ? "ahead" : "behind"}. Set the one that is wrong.`
      : "";
  return new DarkbloomError(
    code,
    `No machine is as the policy wants it: of ${refused.length}, ${counted.join(", ")}. Nothing was sent.${hint}${clock}`,
  );
}

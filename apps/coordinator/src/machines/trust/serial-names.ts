import { concatBytes, utf8 } from "@darkbloom/protocol/bytes";
import { isPseudonym, pseudonymFrom, type MachinePolicy, type Policy } from "@darkbloom/protocol/evidence";
import type { Serial } from "@darkbloom/protocol/ids";
import type { NetworkKey } from "../ports.ts";

/** What callers learn of a machine's serial: itself, a pseudonym in its place, or neither beside the evidence. */
export const serialDisclosures = ["serial", "pseudonym", "none"] as const;
export type SerialDisclosure = (typeof serialDisclosures)[number];

/** What one machine is called, for as long as its connection lasts. */
export interface MachineName {
  /** As its maker or its key gave it. For checking evidence, and nothing else: it is told to nobody. */
  readonly own: string;
  /** In its evidence, in the books and in the log. */
  readonly serial: Serial;
  /** In response headers and the list of machines; undefined where nothing is told there. */
  readonly told: Serial | undefined;
  /** The pseudonym that its evidence must carry; undefined where its own serial stands there. */
  readonly alias: Serial | undefined;
  /** What a pin may call it. */
  readonly pins: readonly Serial[];
}

export interface SerialNames {
  /** Whether evidence shows serials, and with them the chains that vouch for a machine: then others can come to the same verdict. */
  readonly areShown: boolean;
  /** @param own the serial that a machine says it has */
  of(own: string): MachineName;
  /**
   * For a machine that says that it has a serial for which nobody vouches: it is named by its key, or it would have
   * the name of the machine that really has that serial, and what is pinned to it.
   *
   * @param keyName the serial that derives from its identity key
   */
  ofUnvouched(own: string, keyName: string): MachineName;
  /**
   * The name under which a pin is compared and shown. Who knows a machine's own serial may pin by it: from here
   * on it is the pseudonym, so that nobody else is told the serial by a key, an envelope or a refusal.
   */
  ofPin(pin: Serial): Serial;
}

const SERIAL_TAG = "darkbloom:serial:v1\0";

export function serialNames(key: NetworkKey, disclosure: SerialDisclosure): SerialNames {
  // 60 bits of it: two of a million machines share one with a chance of one in two million.
  const pseudonymOf = (serial: string): Serial =>
    pseudonymFrom(key.mac(concatBytes(utf8(SERIAL_TAG), utf8(serial)))) as Serial;
  const behindPseudonym = (own: string, named: string): MachineName => {
    const alias = pseudonymOf(named);
    return { own, serial: alias, told: disclosure === "none" ? undefined : alias, alias, pins: [alias] };
  };
  if (disclosure === "serial")
    return {
      areShown: true,
      of: (own) => {
        const serial = own as Serial;
        // A pin of a time in which serials were not disclosed still finds its machine.
        return { own, serial, told: serial, alias: undefined, pins: [serial, pseudonymOf(own)] };
      },
      ofUnvouched: behindPseudonym,
      ofPin: (pin) => pin,
    };
  return {
    areShown: false,
    of: (own) => behindPseudonym(own, own),
    ofUnvouched: behindPseudonym,
    ofPin: (pin) => (isPseudonym(pin) ? pin : pseudonymOf(pin)),
  };
}

/** By which one machine's evidence is judged here, on top of what goes for every machine. */
export const policyOf = (machines: MachinePolicy, { own, alias }: MachineName, moment: Policy["moment"]): Policy => ({
  ...machines,
  moment,
  // What its maker vouches for names its own serial, which the blob then does not.
  ...(alias !== undefined && { serialAlias: alias, ownSerial: own }),
});

import { isIPv4, isIPv6 } from "node:net";

/** Of an IPv6 address: one customer is given a /64 at least, and every address in it costs him nothing. */
const IPV6_GROUPS_KEPT = 4;

const withPort = /^(?:(?<v4>[\d.]+):\d{1,5}|\[(?<v6>[^\]]+)\](?::\d{1,5})?)$/;

/**
 * Whom an address stands for where strangers are counted: an IPv4 address is itself, also where it is written
 * as an IPv6 one; of an IPv6 address the first 64 bits count. Some proxies add a port, which says nothing of whom. What is
 * no address is one bucket together.
 */
export function addressBucket(address: string): string {
  const { v4, v6 } = withPort.exec(address)?.groups ?? {};
  const bare = (v4 ?? v6 ?? address).replace(/%.*$/, "");
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return "unknown";
  const groups = groupsOf(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff;
  if (isMapped) return [...bytesOf(groups[6]), ...bytesOf(groups[7])].join(".");
  const kept = groups.slice(0, IPV6_GROUPS_KEPT).map((group) => group.toString(16));
  return `${kept.join(":")}::/64`;
}

/** The eight groups; the last two may be written as an IPv4 address (RFC 4291 §2.2). */
function groupsOf(address: string): number[] {
  const [head = "", tail = ""] = address.split("::");
  const front = numbersOf(head);
  const back = numbersOf(tail);
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
}

const numbersOf = (part: string): number[] =>
  part
    .split(":")
    .filter((group) => group !== "")
    .flatMap((group) => {
      if (!group.includes(".")) return [Number.parseInt(group, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
      return [a * 256 + b, c * 256 + d];
    });

const bytesOf = (group = 0): [number, number] => [group >> 8, group & 255];

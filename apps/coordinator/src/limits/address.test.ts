import { expect, it } from "vitest";
import { addressBucket } from "./address.ts";

/** Goal: who has many addresses counts once, and two neighbours count apart. Method: spellings of both kinds. */
it.each<[address: string, bucket: string]>([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["::ffff:cb00:7107", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::203.0.113.7", "64:ff9b:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["0:0:0:0:0:ffff:cb00:7107", "203.0.113.7"],
  ["1:2:3:4:5:ffff:cb00:7107", "1:2:3:4::/64"],
  ["::ffff:0:203.0.113.7", "0:0:0:0::/64"],
  ["203.0.113.7:49152", "203.0.113.7"],
  ["[2001:db8:1:2::1]", "2001:db8:1:2::/64"],
  ["[2001:db8:1:2::1]:49152", "2001:db8:1:2::/64"],
  ["[::ffff:203.0.113.7]:1", "203.0.113.7"],
  ["203.0.113.7:", "unknown"],
  ["203.0.113.7:999999", "unknown"],
  ["[2001:db8::1", "unknown"],
  ["[2001:db8::1]x", "unknown"],
  ["203.0.113.7, 198.51.100.9", "unknown"],
  ["", "unknown"],
  ["evil, text", "unknown"],
])("%s counts as %s", (address, bucket) => expect(addressBucket(address)).toBe(bucket));

import { expect, it } from "vitest";
import { MAIL_CHARS_MAX, mailAddressFrom, readSmtpAddress } from "./mail.ts";

const longest = `${"a".repeat(64)}@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;

/** Goal: one mailbox is one text, and nothing else becomes a header or a second mailbox. Method: addresses as people write them, and what strangers would. */
it.each([
  ["anna@example.com", "anna@example.com"],
  [" Anna+x@Example.COM\n", "anna+x@example.com"],
  ["o'neil@mail-1.example.co.uk", "o'neil@mail-1.example.co.uk"],
  ["anna@localhost", "anna@localhost"],
  [longest, longest],
  [`a${longest}`, undefined],
  [`${longest}d`, undefined],
  ["", undefined],
  ["anna", undefined],
  ["@example.com", undefined],
  ["anna@", undefined],
  ["anna@example..com", undefined],
  ["anna@-example.com", undefined],
  ["anna@exa mple.com", undefined],
  ["anna@example.com, eve@example.com", undefined],
  ["anna@example.com\r\nBcc: eve@example.com", undefined],
  ["<anna@example.com>", undefined],
  ['"anna eve"@example.com', undefined],
  ["anna@eve@example.com", undefined],
  ["änna@example.com", undefined],
  ["anna@ex\0ample.com", undefined],
])("reads %j as %j", (text, mail) => {
  expect(mailAddressFrom(text)).toBe(mail);
});

it("is as long as an address can be", () => expect(longest).toHaveLength(MAIL_CHARS_MAX));

const elsewhere = { isThisMachine: false, login: undefined };
it.each([
  ["smtps://mail.example.com", { ...elsewhere, host: "mail.example.com", port: 465, tls: true }],
  ["smtp://mail.example.com/", { ...elsewhere, host: "mail.example.com", port: 587, tls: false }],
  ["smtp://localhost:25", { ...elsewhere, host: "localhost", port: 25, tls: false, isThisMachine: true }],
  ["smtp://[::1]:25", { ...elsewhere, host: "::1", port: 25, tls: false, isThisMachine: true }],
  [
    "smtps://me%40example.com:p%3Ass@mail.example.com:4650",
    {
      host: "mail.example.com",
      port: 4650,
      tls: true,
      isThisMachine: false,
      login: { user: "me@example.com", password: "p:ss" },
    },
  ],
  ["https://mail.example.com", undefined],
  ["smtps://", undefined],
  ["smtps://me@mail.example.com", undefined],
  ["smtps://:pass@mail.example.com", undefined],
  ["smtps://a:%@mail.example.com", undefined],
  ["smtps://mail.example.com/path", undefined],
  ["smtps://mail.example.com?pool=true", undefined],
  ["mail.example.com", undefined],
])("reads %s", (text, address) => {
  expect(readSmtpAddress(text)).toEqual(address);
});

import { expect, it } from "vitest";
import { openIdOf, openIdSettings } from "./open-id-settings.ts";

const issuer = new URL("https://login.example.com");
const none = {
  openidIssuer: undefined,
  openidClientId: undefined,
  openidClientSecret: undefined,
  openidName: undefined,
  openidScopes: "openid",
  openidGroupsClaim: "groups",
  openidAllowGroups: undefined,
  openidOperatorGroups: undefined,
  openidJoinByMail: false,
  publicUrl: undefined,
  trustProxy: false,
};
const whole = { ...none, openidIssuer: issuer, openidClientId: "darkbloom" };

/** Goal: what does not go together is told at the start, and not with the first sign-in. Method: each half alone, groups without a provider, and a proxy without an address. */
it.each([
  [{ ...none, openidIssuer: issuer }, /go together/],
  [{ ...none, openidClientId: "darkbloom" }, /go together/],
  [{ ...none, openidClientSecret: "x" }, /go together/],
  [{ ...none, openidAllowGroups: ["staff"] }, /need --openid-issuer/],
  [{ ...whole, trustProxy: true }, /needs --public-url/],
])("refuses %#", (as, why) => {
  expect(() => openIdOf(as)).toThrow(why);
});

it("is a provider, or none", () => {
  expect(openIdOf(none)).toBeUndefined();
  expect(openIdOf({ ...whole, openidAllowGroups: ["staff"] })).toMatchObject({
    issuer,
    clientId: "darkbloom",
    name: "login.example.com",
    allowedGroups: ["staff"],
    operatorGroups: [],
  });
});

it.each([
  ["publicUrl", "https://api.example.com", "https://api.example.com"],
  ["publicUrl", "http://localhost:8080/", "http://localhost:8080"],
  ["publicUrl", "http://api.example.com", undefined],
  ["publicUrl", "https://api.example.com/v1", undefined],
  ["openidScopes", "openid groups", "openid groups"],
  ["openidScopes", "email", undefined],
  ["openidAllowGroups", "staff, guests", ["staff", "guests"]],
  ["openidAllowGroups", "staff,,guests", undefined],
  ["openidClientSecret", "file:/nowhere/at/all", undefined],
] as const)("reads %s %s as %s", (setting, text, value) => {
  expect(openIdSettings[setting].read(text)).toEqual(value);
});

/** Goal: a client's secret is on no command line, and nothing goes to a provider in clear over a network. Method: the text itself, and issuers by http. */
it("keeps what is secret", () => {
  expect(openIdSettings.openidClientSecret.showsSecret("hidden")).toBe(true);
  expect(openIdSettings.openidClientSecret.showsSecret("file:PATH")).toBe(false);
  expect(openIdSettings.openidIssuer.read("http://login.example.com")).toBeUndefined();
  expect(openIdSettings.openidIssuer.read("http://127.0.0.1:9000")?.port).toBe("9000");
});

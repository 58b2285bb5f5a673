/** Where an identity key may live; `auto` takes the machine's own chip where it can. */
export const identityChoices = ["software", "tpm", "secure-enclave", "auto"] as const;
export type IdentityChoice = (typeof identityChoices)[number];

import type { Contact } from "../../account/types.ts";

/** The three states of the shield, for one person. */
export type PersonState = "verified" | "unverified" | "exposed";

/** Green is for what was checked by people or stayed the same in the directory; a reset is red until it is accepted. */
export function stateOf(contact: Pick<Contact, "verified" | "state">): PersonState {
  if (contact.state === "reset") return "exposed";
  return contact.verified === "none" ? "unverified" : "verified";
}

const standings = {
  none: "con.state.none",
  contact: "con.state.contact",
  emoji: "con.state.emoji",
  qr: "con.state.qr",
  number: "con.state.number",
} as const satisfies Record<Contact["verified"], string>;

/** How somebody was verified, as it stands under the name. */
export function standing(
  contact: Pick<Contact, "verified" | "state">,
): (typeof standings)[Contact["verified"]] | "con.state.reset" {
  return contact.state === "reset" ? "con.state.reset" : standings[contact.verified];
}

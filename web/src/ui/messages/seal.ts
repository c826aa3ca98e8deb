import type { Contact } from "../../account/types.ts";
import type { Member } from "../../messages/types.ts";
import { stateOf, type PersonState } from "../account/person.ts";

/** How safe a conversation is: the worst of its people, and how many are not verified. */
export function sealOf(
  members: readonly Member[],
  contacts: readonly Contact[],
): { readonly state: PersonState; readonly unverified: number } {
  let [state, unverified]: [PersonState, number] = ["verified", 0];
  for (const member of members) {
    if (member.own === true) continue;
    const contact = contacts.find((c) => c.user === member.user);
    const one = contact ? stateOf(contact) : "unverified";
    if (one !== "verified") unverified++;
    if (one === "exposed" || state === "exposed") state = "exposed";
    else if (one === "unverified") state = "unverified";
  }
  return { state, unverified };
}

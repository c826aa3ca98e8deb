import { account } from "./en-account.ts";
import { alarms } from "./en-alarms.ts";
import { call } from "./en-call.ts";
import { messages } from "./en-messages.ts";
import { pages } from "./en-pages.ts";

/**
 * English. One id, one whole sentence or label; a slot in braces is filled by
 * name, a plural carries its number in {count}. Ids of faults are those of the
 * table of words in the design: the first is what happened, ".next" what to do.
 * No id is in two parts; a test looks.
 */
export const en = { ...pages, ...call, ...account, ...alarms, ...messages } as const;

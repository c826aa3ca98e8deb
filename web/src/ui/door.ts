import type { CreateEngine, NewLink } from "../engine/types.ts";

/** What the interface needs from below: a way to make links and calls. */
export interface Door {
  readonly create: CreateEngine;
  readonly newLink: NewLink;
}

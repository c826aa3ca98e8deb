import { mount } from "svelte";
import type { AccountClient } from "./account/types.ts";
import App from "./App.svelte";
import { createEngine, newLink } from "./engine/index.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/kit.css";
import "./styles/start.css";
import "./styles/prejoin.css";
import "./styles/call.css";
import "./styles/tile.css";
import "./styles/panel.css";
import "./styles/shield.css";
import type { Door } from "./ui/door.ts";
import { settings } from "./ui/settings.svelte.ts";

/** Mock mode shows every state without a server; its branch is dropped from the built client. */
async function openDoor(): Promise<Door> {
  if (import.meta.env.MODE === "mock") return (await import("./ui/dev/fake-engine.ts")).fakeDoor;
  const openAccount = async (): Promise<AccountClient> => (await import("./account/client.ts")).openAccount();
  return { create: createEngine, newLink, openAccount };
}

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
settings.start();
mount(App, { target, props: { door: await openDoor() } });

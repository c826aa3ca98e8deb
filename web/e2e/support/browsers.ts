import { chromium, type Browser, type BrowserContext, type Page } from "@playwright/test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFilm, type Picture } from "./y4m.ts";

export const chromiumPath = process.env["CONCLAVE_CHROMIUM"] ?? "/usr/bin/chromium";

/** Nothing of the browser's own may reach for a network, and no picture may stall in the background. */
export const chromiumFlags: readonly string[] = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
  "--autoplay-policy=no-user-gesture-required",
];

export interface Person {
  readonly page: Page;
  readonly context: BrowserContext;
  close(): Promise<void>;
}

export interface PersonOptions {
  readonly picture?: Picture;
  /** Size of the picture; 640x360. Chromium makes three spatial layers from 960x540 on. */
  readonly size?: readonly [number, number];
  /** false: the browser has neither camera nor microphone. */
  readonly devices?: boolean;
  /** false: nothing says yes to the browser's question for camera and microphone. */
  readonly answersPrompts?: boolean;
  readonly args?: readonly string[];
  readonly executablePath?: string;
  /** Runs in every page before its own code. */
  readonly initScript?: string;
  readonly permissions?: readonly string[];
  readonly viewport?: { width: number; height: number };
}

/** Starts a browser of its own for one person, as in real life. */
export async function startChromium(options: PersonOptions = {}): Promise<Person> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-person-"));
  const args = [...chromiumFlags, ...(options.args ?? [])];
  if (options.answersPrompts !== false) args.push("--use-fake-ui-for-media-stream");
  if (options.devices !== false) args.push("--use-fake-device-for-media-stream");
  if (options.picture) {
    const film = join(folder, "camera.y4m");
    writeFilm(film, options.picture, ...(options.size ?? [640, 360]));
    args.push(`--use-file-for-fake-video-capture=${film}`);
  }
  const browser: Browser = await chromium.launch({ executablePath: options.executablePath ?? chromiumPath, args });
  const context = await browser.newContext({
    viewport: options.viewport ?? { width: 1280, height: 800 },
    permissions: [...(options.permissions ?? ["camera", "microphone"])],
  });
  if (options.initScript) await context.addInitScript({ content: options.initScript });
  const page = await context.newPage();
  return {
    page,
    context,
    close: async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The people of one test, each with a browser of their own, closed together. */
export class People {
  readonly #all = new Set<Person>();

  async start(options: PersonOptions = {}): Promise<Person> {
    const { page, context, close } = await startChromium(options);
    const person: Person = {
      page,
      context,
      close: async () => {
        if (this.#all.delete(person)) await close();
      },
    };
    this.#all.add(person);
    return person;
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#all].map((person) => person.close()));
  }
}

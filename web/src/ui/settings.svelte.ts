import { chooseLanguage, languages } from "../words/words.svelte.ts";

export type Theme = "system" | "light" | "dark";

interface Kept {
  theme: Theme;
  darkCalls: boolean;
  singleKeys: boolean;
  language: string;
  /** The name typed last, offered again. */
  name: string;
}

const place = "conclave.settings";
const fresh: Kept = { theme: "system", darkCalls: false, singleKeys: true, language: "", name: "" };

/** Choices kept on this device. Where the browser keeps nothing, they last as long as the page. */
class Settings {
  #kept = $state<Kept>(read());
  /** Set while a call is on the screen. */
  inCall = $state(false);

  get theme(): Theme {
    return this.#kept.theme;
  }
  set theme(theme: Theme) {
    this.#change({ theme });
  }

  get darkCalls(): boolean {
    return this.#kept.darkCalls;
  }
  set darkCalls(darkCalls: boolean) {
    this.#change({ darkCalls });
  }

  get singleKeys(): boolean {
    return this.#kept.singleKeys;
  }
  set singleKeys(singleKeys: boolean) {
    this.#change({ singleKeys });
  }

  get name(): string {
    return this.#kept.name;
  }
  set name(name: string) {
    this.#change({ name });
  }

  get language(): string {
    return this.#kept.language;
  }
  set language(language: string) {
    this.#change({ language });
    chooseLanguage(language);
  }

  /** The theme that the page shows now; undefined follows the system. */
  get shown(): "light" | "dark" | undefined {
    if (this.inCall && this.darkCalls) return "dark";
    return this.theme === "system" ? undefined : this.theme;
  }

  /** Chooses the kept language, else the first of the browser's that there is. */
  start(): void {
    const wanted = [this.language, ...navigator.languages];
    for (const tag of wanted) {
      const found = languages().find((l) => tag === l.tag || tag.startsWith(`${l.tag}-`));
      if (found) {
        chooseLanguage(found.tag);
        return;
      }
    }
  }

  #change(part: Partial<Kept>): void {
    Object.assign(this.#kept, part);
    try {
      localStorage.setItem(place, JSON.stringify(this.#kept));
    } catch {
      // Storage is off or full: the choice lasts as long as the page.
    }
  }
}

function read(): Kept {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place) ?? "{}");
    if (typeof found !== "object" || found === null) return { ...fresh };
    const of = <K extends keyof Kept>(key: K): unknown => (found as Record<string, unknown>)[key];
    const [theme, name, language] = [of("theme"), of("name"), of("language")];
    return {
      theme: theme === "light" || theme === "dark" ? theme : "system",
      darkCalls: of("darkCalls") === true,
      singleKeys: of("singleKeys") !== false,
      language: typeof language === "string" ? language.slice(0, 35) : "",
      name: typeof name === "string" ? name.slice(0, 64) : "",
    };
  } catch {
    return { ...fresh };
  }
}

export const settings = new Settings();

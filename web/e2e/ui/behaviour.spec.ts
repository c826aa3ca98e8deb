// What the interface does with keys, focus and the reader's voice, with the fake engine behind it.
import { expect, test, type Page } from "@playwright/test";
import { chromiumFlags, chromiumPath } from "../support/browsers.ts";
import { startMock, type MockServer } from "./mock-server.ts";
import { sceneUrl, setCall, type FakeCall } from "./scenes.ts";

test.use({ launchOptions: { executablePath: chromiumPath, args: [...chromiumFlags] } });

let server: MockServer;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  server = await startMock();
});
test.afterAll(() => server.stop());

async function scene(page: Page, name: string | undefined): Promise<void> {
  await page.goto(sceneUrl(server.url, name));
  await page.waitForSelector("h1");
}

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const e = document.activeElement as HTMLElement | null;
    return e?.dataset["testid"] ?? e?.id ?? e?.tagName ?? "";
  });
const pressed = (page: Page, id: string): Promise<string | null> =>
  page.getByTestId(id).getAttribute("aria-pressed");
const said = (page: Page): Promise<string[]> => page.locator("[aria-live] p").allTextContents();

test.describe("start", () => {
  test("a pasted link opens the page before the call, a broken one says what to do", async ({ page }) => {
    await scene(page, undefined);
    const field = page.getByLabel("Join with a link");
    await field.fill("no link at all");
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await expect(page.getByRole("alert")).toHaveText(
      "This link is not complete. The part after # is missing or changed. Ask for the link again.",
    );
    await expect(field).toBeFocused();
    await field.fill(`${server.url}/m/abcdefghij234567#AAAAAAAAAAAAAAAAAAAAAA`);
    await expect(page.getByRole("alert")).toHaveCount(0);
    await field.press("Enter");
    await expect(page.getByTestId("join")).toBeVisible();
  });

  test("a new meeting has its link ready to copy", async ({ page }) => {
    await scene(page, undefined);
    await page.getByTestId("new-meeting").click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your new meeting");
    await expect(page.getByTestId("copy-link")).toHaveAttribute("data-link", /#A{22}$/u);
  });

  test("the theme is chosen, kept, and wins over the system", async ({ page }) => {
    await scene(page, undefined);
    await page.getByRole("button", { name: "Appearance" }).click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    await expect(page.getByRole("button", { name: "Appearance" })).toBeFocused();
    await page.reload();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  });

  test("a dialog keeps the focus and gives it back", async ({ page }) => {
    await scene(page, undefined);
    const opener = page.getByRole("button", { name: "Keyboard" });
    await opener.click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(opener).toBeFocused();
  });
});

test.describe("before the call", () => {
  test("the name has the focus, is asked for, and is offered again", async ({ page }) => {
    await scene(page, "prejoin");
    await expect(page.getByTestId("display-name")).toBeFocused();
    await page.getByTestId("join").click();
    await expect(page.getByRole("alert")).toHaveText("Type a name first. The others see it.");
    await expect(page.getByTestId("display-name")).toBeFocused();
    await page.getByTestId("display-name").fill("Ada");
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("leave")).toBeVisible();
    // Loading a call again is no second tab: its own lock is gone with the page.
    await page.reload();
    await expect(page.getByTestId("display-name")).toHaveValue("Ada");
  });

  test("a name longer than the protocol takes is refused in words", async ({ page }) => {
    await scene(page, "prejoin");
    await page.getByTestId("display-name").fill("ж".repeat(40));
    await page.getByTestId("join").click();
    await expect(page.getByRole("alert")).toContainText("This name is too long.");
  });

  test("letters in the name are letters, Ctrl+D is the microphone", async ({ page }) => {
    await scene(page, "prejoin");
    await page.keyboard.type("mv");
    expect(await pressed(page, "toggle-mic")).toBe("true");
    await page.keyboard.press("Control+d");
    await expect(page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "false");
  });
});

test.describe("keys in a call", () => {
  test("do what the list says", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("m");
    await expect(page.getByTestId("toggle-mic")).toHaveText("Mic on");
    await page.keyboard.press("v");
    await expect(page.getByTestId("toggle-camera")).toHaveText("Camera off");
    await page.keyboard.press("r");
    await expect(page.getByTestId("hand")).toHaveAttribute("aria-pressed", "true");
    await page.keyboard.press("3");
    await expect(page.locator('.tile[data-name="Mei"] .tr')).toContainText("Pinned");
    await page.keyboard.press("w");
    await expect(page.locator('.tile[data-name="Mei"]')).toHaveAttribute("data-role", "large");
    await page.keyboard.press("f");
    await expect(page.getByTestId("tile")).toHaveCount(1);
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  });

  test("are silent while somebody types", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("c");
    await expect(page.getByTestId("chat-input")).toBeFocused();
    await page.keyboard.type("mv?");
    await expect(page.getByTestId("chat-input")).toHaveValue("mv?");
    expect(await pressed(page, "toggle-mic")).toBe("false");
  });

  test("with a single letter can be switched off", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("?");
    await page.getByLabel("Shortcuts with a single key").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("m");
    expect(await pressed(page, "toggle-mic")).toBe("false");
    await page.keyboard.press("Control+d");
    await expect(page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "true");
  });

  test("talk while held, until the key goes up", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.down(" ");
    await expect(page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "true");
    await page.keyboard.up(" ");
    await expect(page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "false");
  });

  test("move inside the bar and the tiles with one tab stop each", async ({ page }) => {
    await scene(page, "grid");
    await page.getByTestId("toggle-mic").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).toBe("toggle-camera");
    await page.keyboard.press("End");
    expect(await focused(page)).toBe("toggle-chat");
    expect(await page.locator('.bar [tabindex="0"]').count()).toBe(1);
    await page.locator(".tile").first().focus();
    await page.keyboard.press("ArrowRight");
    await expect(page.locator('.tile[data-name="Kofi"]')).toBeFocused();
    expect(await page.locator('.tile[tabindex="0"]').count()).toBe(1);
  });

  test("move the own picture to another corner", async ({ page }) => {
    await scene(page, "pair");
    const own = page.locator('.tile[data-kind="self"]');
    const before = await own.boundingBox();
    await own.focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowLeft");
    const after = await own.boundingBox();
    expect(after?.x).toBeLessThan(before?.x ?? 0);
    expect(after?.y).toBeLessThan(before?.y ?? 0);
  });

  test("go round the regions with F6", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("F6");
    expect(await focused(page)).toBe("shield");
    await page.keyboard.press("F6");
    expect(await focused(page)).toBe("tile");
    await page.keyboard.press("Shift+F6");
    expect(await focused(page)).toBe("shield");
  });
});

test.describe("focus", () => {
  test("goes into a panel and comes back", async ({ page }) => {
    await scene(page, "grid");
    const button = page.getByTestId("toggle-chat");
    await button.focus();
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("chat-input")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.getByTestId("chat-input")).toHaveCount(0);
    await expect(button).toBeFocused();
    await page.getByTestId("shield").click();
    await expect(page.locator("#shield-title")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.getByTestId("shield")).toBeFocused();
  });

  test("goes to the neighbour when a focused tile leaves", async ({ page }) => {
    await scene(page, "grid");
    await page.locator('.tile[data-name="Kofi"]').focus();
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      fakeCall.set({ tiles: fakeCall.state().tiles.filter((tile) => tile.name !== "Kofi") });
    });
    await expect(page.locator('.tile[data-name="Mei"]')).toBeFocused();
  });
});

test.describe("what is told", () => {
  test("to the engine: the sizes on the screen, and nothing of what is not seen", async ({ page }) => {
    await scene(page, "grid-15");
    const shown = (): Promise<FakeCall["shown"][number]> =>
      page.evaluate(() => (globalThis as unknown as { fakeCall: FakeCall }).fakeCall.shown.at(-1) ?? []);
    await expect.poll(async () => (await shown()).length).toBe(8);
    const first = await shown();
    expect(first.every((tile) => tile.width > 200 && tile.priority === 1)).toBe(true);
    expect(first.some((tile) => tile.id === "self")).toBe(false);
    await page.getByRole("button", { name: "Next page" }).click();
    await expect.poll(async () => (await shown()).length).toBe(6);
    await page.getByTestId("more").click();
    await page.getByRole("menuitemcheckbox", { name: "Audio only" }).click();
    await expect.poll(shown).toEqual([]);
    await expect(page.getByTestId("reason").first()).toHaveText("Paused, audio only");
  });

  test("to a screen reader: the own state, hands, people", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("m");
    await expect.poll(() => said(page)).toContain("Microphone on");
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      const { members } = fakeCall.state();
      fakeCall.set({ members: members.map((m) => (m.name === "Mei" ? { ...m, hand: true } : m)) });
    });
    await expect.poll(() => said(page)).toContain("Mei raised a hand, number 2 in line");
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      fakeCall.set({ members: fakeCall.state().members.filter((m) => m.name !== "Lin") });
    });
    await expect.poll(() => said(page), { timeout: 8000 }).toContain("Lin left. 5 people.");
  });

  test("at once: that the connection is lost, how long the seat is kept, and that it is back", async ({
    page,
  }) => {
    await scene(page, "grid");
    await setCall(page, { phase: { kind: "reconnecting", since: Date.now(), until: Date.now() + 8000 } });
    await expect(
      page.getByText(/^Connection lost\. Reconnecting, your seat is kept for [78] seconds\.$/u),
    ).toBeVisible();
    expect(await page.locator("[aria-live=assertive]").textContent()).toContain("Connection lost");
    await setCall(page, { phase: { kind: "in-call", since: Date.now() } });
    await expect(page.getByTestId("banner")).toHaveCount(0);
    await expect.poll(() => said(page)).toContain("Connected again");
  });
});

test.describe("chat", () => {
  test("shows what was sent and how it fared, and counts what was not seen", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("c");
    await page.getByTestId("chat-input").fill("<b>Two</b> more");
    await page.keyboard.press("Enter");
    const last = page.getByTestId("chat-message").last();
    await expect(last).toContainText("<b>Two</b> more");
    await expect(last.getByTestId("tick")).toHaveAttribute("data-state", "sending");
    await expect(last.getByTestId("tick")).toHaveAttribute("data-state", "sent");
    await page.keyboard.press("Escape");
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      const { chat } = fakeCall.state();
      const [first] = chat;
      if (first) fakeCall.set({ chat: [...chat, { ...first, id: "new", text: "Here" }] });
    });
    await expect(page.getByTestId("toggle-chat")).toContainText("unread: 1");
  });

  test("says by how much a message is too long and keeps it", async ({ page }) => {
    await scene(page, "grid");
    await page.keyboard.press("c");
    await page.getByTestId("chat-input").fill("ж".repeat(2050));
    await page.getByTestId("chat-send").click();
    await expect(page.getByText("Too long by 4 bytes. 4,096 fit into one message.")).toBeVisible();
    await expect(page.getByTestId("chat-input")).toHaveValue(/ж/u);
  });
});

test.describe("layout", () => {
  test("a shared screen brings the speaker layout, and takes it away again", async ({ page }) => {
    await scene(page, "grid");
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      const { tiles } = fakeCall.state();
      const grace = tiles.find((tile) => tile.name === "Grace");
      if (grace) fakeCall.set({ tiles: [{ ...grace, id: "1/screen", kind: "screen" }, ...tiles] });
    });
    await expect(page.locator('.tile[data-kind="screen"]')).toHaveAttribute("data-role", "large");
    await page.evaluate(() => {
      const { fakeCall } = globalThis as unknown as { fakeCall: FakeCall };
      fakeCall.set({ tiles: fakeCall.state().tiles.filter((tile) => tile.kind !== "screen") });
    });
    await expect(page.locator(".stage")).toHaveAttribute("data-mode", "grid");
  });

  test("on a phone everything that the bar has no room for is in More", async ({ browser }) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true });
    const page = await context.newPage();
    await scene(page, "phone");
    await expect(page.locator(".bar button")).toHaveCount(6);
    await page.getByTestId("more").click();
    await page.getByTestId("participants").click();
    await expect(page.getByRole("heading", { name: "People" })).toBeVisible();
    await context.close();
  });
});

test.describe("tabs", () => {
  test("a call moves to another tab only when asked", async ({ context }) => {
    const [first, second] = [await context.newPage(), await context.newPage()];
    await scene(first, "prejoin");
    await first.getByTestId("display-name").fill("Ada");
    await first.getByTestId("join").click();
    await expect(first.getByTestId("leave")).toBeVisible();

    // The name is kept on this device, so one press is enough.
    await scene(second, "prejoin");
    await second.getByTestId("join").click();
    await expect(second.getByRole("heading", { level: 1 })).toHaveText(
      "You are in this call in another tab.",
    );
    await second.getByRole("button", { name: "Stay there" }).click();
    await expect(second.getByRole("heading", { level: 1 })).toContainText(
      "The call goes on in the other tab.",
    );
    await expect(first.getByTestId("leave")).toBeVisible();

    await second.getByRole("button", { name: "Move it here" }).click();
    await expect(second.getByTestId("leave")).toBeVisible();
    await expect(first.getByRole("heading", { level: 1 })).toHaveText("The call moved to another tab.");
  });
});

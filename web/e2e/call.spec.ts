import { expect, test } from "@playwright/test";
import { expectPlaying, halves, joinMeeting, startMeeting, tile } from "./support/call.ts";
import { startChromium, type Person } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("in a call of two", () => {
  let server: Running;
  let ada: Person;
  let kofi: Person;

  test.beforeAll(async () => {
    server = await startServer();
    ada = await startChromium({ picture: pictures.ada, args: ["--auto-select-tab-capture-source-by-title=Call", "--auto-accept-this-tab-capture"] });
    kofi = await startChromium({ picture: pictures.kofi });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPlaying(ada.page, "Kofi");
    await expectPlaying(kofi.page, "Ada");
  });
  test.afterAll(async () => {
    await Promise.all([ada.close(), kofi.close()]);
    await server.stop();
  });

  test("the self view is there and mirrored for oneself only", async () => {
    await expectPlaying(ada.page, "Ada", "self");
    const transform = await tile(ada.page, "Ada", "self").locator("video").evaluate((v) => getComputedStyle(v).transform);
    expect(transform).toContain("-1");
  });

  test("chat goes both ways and shows whose it is", async () => {
    const open = async (person: Person): Promise<void> => {
      if (!(await person.page.getByTestId("chat-input").isVisible())) await person.page.keyboard.press("c");
      await expect(person.page.getByTestId("chat-input")).toBeVisible();
    };
    await open(ada);
    await ada.page.getByTestId("chat-input").fill("Row four is short one chair <b>&</b>");
    await ada.page.getByTestId("chat-send").click();
    await open(kofi);
    await expect(kofi.page.getByTestId("chat-message")).toContainText("Row four is short one chair <b>&</b>");
    await expect(kofi.page.getByTestId("chat-message")).toContainText("Ada");
    await kofi.page.getByTestId("chat-input").fill("Two more in the hall");
    await kofi.page.getByTestId("chat-input").press("Enter");
    await expect(ada.page.getByTestId("chat-message").last()).toContainText("Two more in the hall");
    await ada.page.keyboard.press("Escape");
    await kofi.page.keyboard.press("Escape");
  });

  test("camera off says so, and on again plays", async () => {
    await kofi.page.getByTestId("toggle-camera").click();
    await expect(tile(ada.page, "Kofi")).toHaveAttribute("data-state", "off");
    await expect(tile(ada.page, "Kofi").getByTestId("reason")).toContainText("Camera off");
    await kofi.page.getByTestId("toggle-camera").click();
    await expectPlaying(ada.page, "Kofi");
  });

  test("microphone off is seen by the other", async () => {
    await kofi.page.getByTestId("toggle-mic").click();
    await expect(kofi.page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "false");
    await expect(tile(ada.page, "Kofi")).toContainText("microphone off");
    await kofi.page.getByTestId("toggle-mic").click();
    await expect(tile(ada.page, "Kofi")).not.toContainText("microphone off");
  });

  test("a shared screen plays at the other side", async () => {
    test.setTimeout(60_000);
    await ada.page.getByTestId("share-screen").click();
    await expectPlaying(kofi.page, "Ada", "screen", 30_000);
    await expect.poll(async () => (await halves(kofi.page, "Ada", "screen"))?.width ?? 0).toBeGreaterThan(600);
    await ada.page.getByTestId("share-screen").click();
    await expect(kofi.page.locator('[data-testid="tile"][data-kind="screen"]')).toHaveCount(0);
    await expectPlaying(kofi.page, "Ada");
  });

  test("participants are listed and the shield says in words what is protected", async () => {
    await ada.page.getByTestId("participants").click();
    await expect(ada.page.getByText("Kofi", { exact: true }).first()).toBeVisible();
    await ada.page.getByTestId("participants").click();
    const shield = ada.page.getByTestId("shield").first();
    await expect(shield).toHaveAttribute("data-state", "unverified");
    await expect(shield).toContainText("Encrypted");
    await shield.click();
    await expect(ada.page.getByText(/Only the 2 people in this call can see, hear and read it/)).toBeVisible();
    await ada.page.keyboard.press("Escape");
  });
});

// What the messenger does with keys, text and focus, with a fake messenger behind it.
import { expect, test, type Page } from "@playwright/test";
import { chromiumFlags, chromiumPath } from "../support/browsers.ts";
import { startMock, type MockServer } from "./mock-server.ts";
import { sceneUrl } from "./scenes.ts";

test.use({ launchOptions: { executablePath: chromiumPath, args: [...chromiumFlags] } });

const thursday = `/messages/${"1".padStart(32, "0")}`;
let server: MockServer;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  server = await startMock();
});
test.afterAll(() => server.stop());

async function open(page: Page, path = thursday, scene?: string): Promise<void> {
  await page.goto(sceneUrl(server.url, scene, path));
  await expect(page.getByTestId("conversation").first()).toBeVisible();
}

test.describe("the messenger", () => {
  test("a message is written, answered, edited and deleted with the keyboard alone", async ({ page }) => {
    await open(page);
    const field = page.getByTestId("composer");
    await field.fill("one");
    await field.press("Shift+Enter");
    await field.pressSequentially("two");
    await field.press("Enter");
    const last = page.getByTestId("message").last();
    await expect(last).toContainText("one\ntwo");
    await expect(last.getByTestId("tick")).toHaveAttribute("data-state", "sent");
    await expect(field).toHaveValue("");
    await expect(field).toBeFocused();

    await field.press("ArrowUp");
    await expect(field).toHaveValue("one\ntwo");
    await field.fill("three");
    await field.press("Enter");
    await expect(last).toContainText("three");
    await expect(last).toContainText("edited");

    await page.getByRole("log").press("Home");
    await page.keyboard.press("r");
    await expect(page.getByText("Reply to Grace")).toBeVisible();
    await expect(field).toBeFocused();
    await field.press("Escape");
    await expect(page.getByText("Reply to Grace")).toHaveCount(0);

    await last.focus();
    await page.keyboard.press("Delete");
    await page.getByTestId("confirm").click();
    await expect(last).toContainText("Deleted by you");
  });

  test("text of others stays text", async ({ page }) => {
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await open(page, thursday, "msg-hostile");
    const first = page.getByTestId("message").first();
    await expect(first).toContainText("<img src=x onerror=alert(1)>");
    expect(await page.locator("[role=log] :is(img, script, iframe)").count()).toBe(0);
    await expect(first.getByRole("link")).toHaveAttribute("rel", "noopener noreferrer");
    await expect(first).toContainText("(evil.example)");
    expect(asked).toEqual([]);
  });

  test("a draft stays with its conversation, and an answer does not go to another", async ({ page }) => {
    await open(page);
    await page.getByRole("log").press("Home");
    await page.keyboard.press("r");
    await page.getByTestId("composer").fill("not yet");
    await page.getByTestId("conversation").filter({ hasText: "Kofi" }).last().click();
    await expect(page.getByTestId("composer")).toHaveValue("");
    await expect(page.getByText("Reply to Grace")).toHaveCount(0);
    const row = page.getByTestId("conversation").filter({ hasText: "Thursday planning" });
    await expect(row).toContainText("Draft: not yet");
    await row.click();
    await expect(page.getByTestId("composer")).toHaveValue("not yet");
  });

  test("arrows move in the list, and search finds people and messages", async ({ page }) => {
    await open(page);
    const rows = page.getByTestId("conversation");
    await rows.first().focus();
    await page.keyboard.press("ArrowDown");
    await expect(rows.nth(1)).toBeFocused();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("cable");
    await expect(page.getByTestId("found")).toHaveCount(1);
    await expect(rows).toHaveCount(0);
    await page.getByTestId("search").fill("zebra");
    await expect(page.getByText("Nothing on this device matches")).toBeVisible();
  });

  test("a group says who could not be added, and what cannot be sent is said", async ({ page }) => {
    await open(page);
    await page.getByTestId("new-conversation").click();
    await page.getByTestId("new-group").click();
    await page.getByTestId("begin").click();
    await expect(page.getByText("Type a name for the group first.")).toBeVisible();
    await page.getByTestId("group-name").fill("Crew");
    await page.getByTestId("handle").fill("@grace nobody");
    await page.getByTestId("begin").click();
    await expect(page.getByText("Could not add @nobody.")).toBeVisible();
    await page.getByTestId("begin").click();
    await page.getByTestId("file-input").setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") });
    await expect(page.getByText("Files cannot be sent from this page yet.")).toBeVisible();
    await page.getByTestId("composer").fill("é".repeat(8193));
    await page.getByTestId("send").click();
    await expect(page.getByText("Too long by 2 bytes.")).toBeVisible();
  });

  test("whoever leaves can write no more", async ({ page }) => {
    await open(page);
    await page.getByTestId("leave-conversation").click();
    await page.getByTestId("confirm").click();
    await expect(page.getByText("You are not in this conversation any more.")).toBeVisible();
    await expect(page.getByTestId("composer")).toHaveCount(0);
  });

  test("a phone shows one pane at a time", async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page, "/messages");
    await page.getByTestId("conversation").first().click();
    await expect(page.getByTestId("composer")).toBeVisible();
    await expect(page.getByTestId("new-conversation")).toBeHidden();
    await page.getByTestId("details").click();
    await expect(page.getByTestId("member")).toHaveCount(4);
    await expect(page.getByTestId("composer")).toBeHidden();
    await page.getByRole("button", { name: "Close details" }).click();
    await page.getByRole("link", { name: "Back to conversations" }).click();
    await expect(page.getByTestId("new-conversation")).toBeVisible();
  });
});

import { expect, test } from "@playwright/test";
import { enter, expectPlaying, figures, joinMeeting, startMeeting, tile } from "./support/call.ts";
import { People } from "./support/browsers.ts";
import { startServer, type Running } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test.describe("what goes wrong is said in words", () => {
  let server: Running;
  const people = new People();

  test.beforeAll(async () => {
    server = await startServer(["--max-participants", "2"]);
  });
  test.afterEach(async () => {
    await people.closeAll();
  });
  test.afterAll(async () => {
    await server.stop();
  });

  test("a damaged link is refused before anything is sent", async () => {
    const ada = await people.start();
    const requests: string[] = [];
    ada.page.on("websocket", (socket) => requests.push(socket.url()));
    await ada.page.goto(`${server.url}/m/abcdefghijklmnop#AAAAAAAAAAAAAAAAAAAAAA`);
    await expect(ada.page.getByText("This link is not complete. The part after # is missing or changed.")).toBeVisible();
    expect(requests).toEqual([]);
  });

  test("a link that the server does not know has expired", async () => {
    const ada = await people.start({ picture: pictures.ada });
    const link = await startMeeting(ada.page, server.url, "Ada");
    const other = await startServer();
    try {
      const kofi = await people.start();
      await kofi.page.goto(link.replace(server.url, other.url));
      await kofi.page.getByTestId("display-name").fill("Kofi");
      await kofi.page.getByTestId("join").click();
      await expect(kofi.page.getByText("This link has expired.")).toBeVisible();
    } finally {
      await other.stop();
    }
  });

  test("a full meeting says how many it takes", async () => {
    const [ada, kofi, mei] = [await people.start({ picture: pictures.ada }), await people.start(), await people.start()];
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await mei.page.goto(link);
    await mei.page.getByTestId("display-name").fill("Mei");
    await mei.page.getByTestId("join").click();
    await expect(mei.page.getByText("The meeting is full (2 of 2).")).toBeVisible();
  });

  test("without any device one still joins, listens and writes", async () => {
    const ada = await people.start({ picture: pictures.ada });
    const kofi = await people.start({ devices: false });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await kofi.page.goto(link);
    await expect(kofi.page.getByText(/No camera|No microphone/).first()).toBeVisible();
    await enter(kofi.page, "Kofi");
    await expectPlaying(kofi.page, "Ada");
    await expect(tile(ada.page, "Kofi")).toHaveAttribute("data-state", "off");
  });

  test("off before the devices are open stays off", async () => {
    const ada = await people.start({ picture: pictures.ada });
    const link = await startMeeting(ada.page, server.url, "Ada");
    const kofi = await people.start({ picture: pictures.kofi });
    await kofi.page.goto(link);
    // At once, while the browser still opens both.
    await kofi.page.getByTestId("toggle-mic").click();
    await kofi.page.getByTestId("toggle-camera").click();
    await enter(kofi.page, "Kofi");
    await expect(kofi.page.getByTestId("toggle-mic")).toHaveAttribute("aria-pressed", "false");
    await expect(kofi.page.getByTestId("toggle-camera")).toHaveAttribute("aria-pressed", "false");
    await expect(tile(ada.page, "Kofi")).toContainText("microphone off");
    await expect(tile(ada.page, "Kofi")).toHaveAttribute("data-state", "off");
  });

  test("a denied permission is named", async () => {
    const ada = await people.start({ permissions: [], answersPrompts: false, args: ["--deny-permission-prompts"] });
    await ada.page.goto(server.url);
    await ada.page.getByTestId("new-meeting").click();
    await expect(ada.page.getByText("The browser does not allow the camera and microphone.").first()).toBeVisible();
    await enter(ada.page, "Ada");
  });

  test("the same call in a second tab asks which one to keep", async () => {
    const ada = await people.start({ picture: pictures.ada });
    const link = await startMeeting(ada.page, server.url, "Ada");
    const second = await ada.context.newPage();
    await second.goto(link);
    await second.getByTestId("join").click();
    await expect(second.getByText("You are in this call in another tab.")).toBeVisible();
    await second.getByRole("button", { name: "Move it here" }).click();
    await expect(second.getByTestId("leave")).toBeVisible({ timeout: 20_000 });
    await expect(ada.page.getByTestId("leave")).toHaveCount(0);
  });

  test("a second meeting in another tab asks first", async () => {
    const ada = await people.start({ picture: pictures.ada });
    await startMeeting(ada.page, server.url, "Ada");
    const second = await ada.context.newPage();
    await second.goto(server.url);
    await second.getByTestId("new-meeting").click();
    await second.getByTestId("join").click();
    await expect(second.getByText(/Joining here leaves it/)).toBeVisible();
    await expect(ada.page.getByTestId("leave")).toBeVisible();
  });

  test("a lost connection keeps the seat", async () => {
    test.setTimeout(60_000);
    const ada = await people.start({ picture: pictures.ada });
    const kofi = await people.start({ picture: pictures.kofi });
    const link = await startMeeting(ada.page, server.url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPlaying(ada.page, "Kofi");
    const epoch = (await figures(ada.page)).epoch;
    await kofi.context.setOffline(true);
    await expect(kofi.page.getByText(/Connection lost/).first()).toBeVisible({ timeout: 15_000 });
    await kofi.context.setOffline(false);
    await expect(kofi.page.getByText(/Connection lost/)).toHaveCount(0, { timeout: 10_000 });
    await expectPlaying(ada.page, "Kofi");
    await expectPlaying(kofi.page, "Ada");
    expect((await figures(ada.page)).epoch, "the seat was kept, so the key did not change").toBe(epoch);
  });
});

import { expect, test } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { beginSignUp, password, saveRecovery, signIn, signUp, symbolsOn } from "./support/account.ts";
import { People } from "./support/browsers.ts";
import { root, start, startServer, type Running } from "./support/server.ts";

test.describe("accounts", () => {
  let server: Running;
  const people = new People();
  const person = () => people.start({ devices: false });

  test.beforeAll(async () => {
    server = await startServer(["--sign-in-rate", "6000"]);
    // Browsers bind passkeys to names, not to addresses.
    server = { ...server, url: server.url.replace("127.0.0.1", "localhost") };
  });
  test.afterEach(() => people.closeAll());
  test.afterAll(() => server.stop());

  test("sign up with a password, add a second device by the text of its QR code, remove it", async () => {
    const first = (await person()).page;
    const sent: string[] = [];
    first.on("request", (request) => sent.push(request.postData() ?? ""));
    const words = await signUp(first, server.url, "ada", "Ada");
    expect(sent.join(" "), "what was sent").not.toContain(password);
    expect(sent.join(" "), "what was sent").not.toContain(words.join(" "));

    // The keys are found again after a reload.
    await first.goto(`${server.url}/settings/devices`);
    await expect(first.getByTestId("device")).toHaveCount(1);

    const second = (await person()).page;
    await signIn(second, server.url, "ada");
    await second.getByTestId("way-scan").click();
    await second.locator("summary").click();
    const code = (await second.getByTestId("qr-text").textContent()) ?? "";
    await first.getByTestId("add-device").click();
    await first.getByTestId("scan-text").fill(code);
    await first.getByTestId("scan-use").click();
    await expect(first.getByTestId("device")).toHaveCount(2);
    await expect(second.getByTestId("devices")).toBeVisible();
    await expect(second.getByTestId("device")).toHaveCount(2);

    await first.getByTestId("remove-device").click();
    await first.getByTestId("remove-now").click();
    await expect(first.getByTestId("devices").getByText("Removed", { exact: true })).toBeVisible();
    await expect(second.getByRole("heading", { level: 1 })).toHaveText("This device was removed from your account.");
  });

  test("a second device by emoji, and the recovery code on a third", async () => {
    const first = (await person()).page;
    const words = await signUp(first, server.url, "lin", "Lin");
    const second = (await person()).page;
    await signIn(second, server.url, "lin");
    await second.getByTestId("way-emoji").click();
    await first.getByRole("link", { name: "Devices" }).click();
    await first.getByTestId("approve").click();
    expect(await symbolsOn(first)).toEqual(await symbolsOn(second));
    await first.getByTestId("emoji-match").click();
    await second.getByTestId("emoji-match").click();
    await expect(second.getByTestId("device")).toHaveCount(2);
    await people.closeAll();

    const third = (await person()).page;
    await signIn(third, server.url, "lin");
    await third.getByTestId("way-code").click();
    await third.getByTestId("recovery-words").fill([...words.slice(1), words[0]].join(" "));
    await third.getByTestId("recover").click();
    await expect(third.getByText(/These words do not open the backup/u)).toBeVisible();
    await third.getByTestId("recovery-words").fill(words.join("  "));
    await third.getByTestId("recover").click();
    await expect(third.getByTestId("device")).toHaveCount(3);
  });

  test("sign up with a passkey, sign out and in again", async () => {
    const { page, context } = await person();
    const cdp = await context.newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        ctap2Version: "ctap2_1",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        hasPrf: true,
        automaticPresenceSimulation: true,
      },
    });
    const sent: string[] = [];
    page.on("request", (request) => sent.push(request.postData() ?? ""));
    await beginSignUp(page, server.url, "grace", "Grace");
    await page.getByTestId("passkey").click();
    await saveRecovery(page);
    await page.getByRole("link", { name: "Profile" }).click();
    await page.getByTestId("sign-out").click();
    await page.getByTestId("sign-in").click();
    await page.getByTestId("passkey").click();
    await expect(page.getByTestId("contacts")).toBeVisible();
    expect(sent.filter((body) => /"results"/u.test(body)), "results of the prf extension").toEqual([]);
  });

  test("two people verify each other by emoji", async () => {
    const [kofi, noor] = [(await person()).page, (await person()).page];
    await signUp(kofi, server.url, "kofi", "Kofi");
    await kofi.getByRole("button", { name: "Make an invite link" }).click();
    const invite = await kofi.getByTestId("contact-invite").inputValue();
    // An invite pins the server's keys before anything else is asked of it.
    await noor.goto(invite);
    await expect(noor.getByRole("heading", { level: 1 })).toHaveText("Kofi invites you");
    await signUp(noor, server.url, "noor", "Noor");
    await expect(noor.getByTestId("contact")).toHaveAttribute("data-handle", "kofi");

    await kofi.getByTestId("find-handle").fill("@noor");
    await kofi.getByTestId("find").click();
    await expect(kofi.getByTestId("contact")).toHaveAttribute("data-verified", "none");
    await kofi.getByTestId("verify-contact").click();
    await kofi.getByTestId("verify-begin").click();
    await noor.getByRole("link", { name: "Compare now" }).click();
    expect(await symbolsOn(kofi)).toEqual(await symbolsOn(noor));
    await kofi.getByTestId("emoji-match").click();
    await expect(kofi.getByText("You said they match. Waiting for Noor.")).toBeVisible();
    await noor.getByTestId("emoji-match").click();
    await expect(noor.getByTestId("verified")).toContainText("Kofi is verified, on all of Kofi’s devices and yours.");
    await expect(kofi.getByTestId("verified")).toBeVisible();
    await kofi.getByRole("link", { name: "Back to contacts" }).click();
    await expect(kofi.getByTestId("contact")).toHaveAttribute("data-verified", "emoji");

    // The digits of both are the same too.
    const digits = await Promise.all(
      [kofi, noor].map(async (page) => {
        await page.goto(`${server.url}/verify/${page === kofi ? "noor" : "kofi"}`);
        await page.getByTestId("verify-number").click();
        await expect(page.getByTestId("safety-number").locator("li")).toHaveCount(12);
        return page.getByTestId("safety-number").textContent();
      }),
    );
    expect(digits[0]).toBe(digits[1]);
  });

  test("a server that swaps a key is caught, and the page says so", async () => {
    const evil = await start(resolve(root, "bin/evilserver"), ["--server", server.url]);
    const lie = (which: string) => fetch(`${evil.url}/evil?lie=${which}`, { method: "POST" });
    try {
      const [mei, anna] = [(await person()).page, (await person()).page];
      await signUp(mei, evil.url, "mei", "Mei");
      await signUp(anna, evil.url, "anna", "Anna");
      expect((await lie("swap")).status).toBe(200);
      await mei.getByTestId("find-handle").fill("anna");
      await mei.getByTestId("find").click();
      const words = "The key directory gave a wrong proof. New contacts are paused; your conversations go on.";
      const alarm = mei.locator('[role="alert"][data-testid="alarm"][data-id="proof"]');
      await expect(alarm).toContainText(words);
      await expect(mei.getByTestId("contact")).toHaveCount(0);
      const [file] = await Promise.all([
        mei.waitForEvent("download"),
        alarm.getByRole("button", { name: "Save the evidence" }).click(),
      ]);
      expect(JSON.parse(await readFile(await file.path(), "utf8"))).toMatchObject({ id: "proof" });

      // Once the lie ends, the person is found, and nothing of it has stayed.
      expect((await lie("none")).status).toBe(200);
      await alarm.getByRole("button", { name: "Try again" }).click();
      await mei.getByTestId("find-handle").fill("anna");
      await mei.getByTestId("find").click();
      await expect(mei.getByTestId("contact")).toHaveAttribute("data-verified", "none");
    } finally {
      await evil.stop();
    }
  });
});

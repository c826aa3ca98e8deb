import { expect, test } from "@playwright/test";
import { expectPicture, joinMeeting, startMeeting } from "./support/call.ts";
import { startChromium } from "./support/browsers.ts";
import { startServer } from "./support/server.ts";
import { pictures } from "./support/y4m.ts";

test("a call over TLS, by an address that is not localhost", async () => {
  test.setTimeout(90_000);
  const server = await startServer(["--tls-self-signed"]);
  // 127.0.0.1 by number, so that only TLS makes the page a secure one for a browser that checks.
  const url = server.url.replace("localhost", "127.0.0.1");
  expect(url).toMatch(/^https:/);
  const trusting = { args: ["--ignore-certificate-errors"] };
  const ada = await startChromium({ picture: pictures.ada, ...trusting });
  const kofi = await startChromium({ picture: pictures.kofi, ...trusting });
  try {
    const link = await startMeeting(ada.page, url, "Ada");
    await joinMeeting(kofi.page, link, "Kofi");
    await expectPicture(ada.page, "Kofi", pictures.kofi, 30_000);
    await expectPicture(kofi.page, "Ada", pictures.ada, 30_000);
    const headers = (await kofi.page.request.get(url, { ignoreHTTPSErrors: true })).headers();
    expect(headers["strict-transport-security"]).toBeDefined();
    expect(headers["content-security-policy"]).toContain("require-trusted-types-for 'script'");
  } finally {
    await Promise.all([ada.close(), kofi.close()]);
    await server.stop();
  }
});

import { expect, type Page } from "@playwright/test";

export const password = "four plain words here";

/** The words of the recovery code on the page. */
async function recoveryWords(page: Page): Promise<string[]> {
  const list = page.getByTestId("recovery-code").locator("li");
  await expect(list).toHaveCount(12, { timeout: 30_000 });
  return list.allTextContents();
}

/** Types the two words that the sheet asks for; returns all twelve. */
export async function saveRecovery(page: Page): Promise<string[]> {
  const words = await recoveryWords(page);
  for (const id of ["recovery-first", "recovery-second"]) {
    const field = page.getByTestId(id);
    const number = Number(/\d+/u.exec((await field.getAttribute("placeholder")) ?? "")?.[0]);
    await field.fill(words[number - 1] ?? "");
  }
  await page.getByTestId("recovery-saved").click();
  return words;
}

/** Goes to step 2 of a sign-up. */
export async function beginSignUp(page: Page, server: string, handle: string, name: string): Promise<void> {
  await page.goto(server);
  await page.getByTestId("sign-up").click();
  await page.getByTestId("handle").fill(handle);
  await page.getByTestId("display-name").fill(name);
  await page.getByTestId("next").click();
}

/** Signs up with a password, all three steps; returns the recovery code. */
export async function signUp(page: Page, server: string, handle: string, name: string): Promise<string[]> {
  await beginSignUp(page, server, handle, name);
  await page.getByTestId("use-password").click();
  await page.getByTestId("password").fill(password);
  await page.getByTestId("create").click();
  const words = await saveRecovery(page);
  await expect(page.getByTestId("contacts")).toBeVisible();
  return words;
}

/** Signs in with a password on a browser without keys. */
export async function signIn(page: Page, server: string, handle: string): Promise<void> {
  await page.goto(server);
  await page.getByTestId("sign-in").click();
  const way = page.getByTestId("use-password");
  await expect(way.or(page.getByTestId("password"))).toBeVisible();
  if (await way.isVisible()) await way.click();
  await page.getByTestId("handle").fill(handle);
  await page.getByTestId("password").fill(password);
  await page.getByTestId("sign-in-now").click();
}

/** The symbols on the page, by number. */
export async function symbolsOn(page: Page): Promise<(string | null)[]> {
  const list = page.getByTestId("emoji").locator("li");
  await expect(list).toHaveCount(7);
  return list.evaluateAll((items) => items.map((item) => item.getAttribute("data-symbol")));
}

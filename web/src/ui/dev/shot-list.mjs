// The pages and states that are looked at: a scene of the fake engine, and what is pressed in it.
const press = (key) => (page) => page.keyboard.press(key);
const click = (id) => (page) => page.getByTestId(id).first().click();
const button = (name) => (page) => page.getByRole("button", { name, exact: true }).first().click();
const rtl = (page) => page.evaluate(() => { document.documentElement.dir = "rtl"; });
const hideToast = (page) => page.keyboard.press("Escape");

const failures = [
  "link-wrong", "link-expired", "room-full", "lost", "downgrade", "transport", "no-insertable", "other-tab", "second-meeting", "unknown",
  "left", "ended", "removed", "refused",
];

export const pages = [
  { name: "start" },
  { name: "start-fault", steps: [async (p) => p.getByLabel("Join with a link").fill("https://elsewhere.example/m/abcdefghij234567#AAAAAAAAAAAAAAAAAAAAAA"), button("Join")] },
  { name: "start-protect", steps: [button("What that means")] },
  { name: "start-keys", steps: [button("Keyboard")] },
  { name: "start-theme", steps: [button("Appearance")] },
  { name: "start-320", only: "phone", width: 320 },
  ...["prejoin", "prejoin-joining", "prejoin-key", "prejoin-off", "prejoin-no-camera", "prejoin-no-mic", "prejoin-denied", "prejoin-busy"].map((scene) => ({ name: scene, scene })),
  { name: "prejoin-menu", scene: "prejoin", steps: [button("Choose microphone")] },
  { name: "prejoin-noname", scene: "prejoin", steps: [click("join")] },
  { name: "prejoin-320", scene: "prejoin", only: "phone", width: 320 },
  ...["grid", "grid-9", "grid-15", "reasons", "pair", "alone", "weak", "sharing", "lost-soon", "exposed", "verified"].map((scene) => ({ name: `call-${scene}`, scene })),
  { name: "call-speaker", scene: "speaker" },
  { name: "call-reasons-speaker", scene: "reasons", steps: [hideToast, press("w")] },
  { name: "call-chat", scene: "chat", steps: [press("c")] },
  { name: "call-chat-empty", scene: "grid", steps: [hideToast, async (p) => p.evaluate(() => globalThis.fakeCall.set({ chat: [] })), press("c")] },
  { name: "call-people", scene: "grid", steps: [hideToast, press("p")] },
  { name: "call-shield", scene: "speaker", steps: [async (p) => (p.viewportSize().width > 800 ? p.keyboard.press("p") : undefined), click("shield")] },
  { name: "call-shield-details", scene: "grid", steps: [hideToast, click("shield"), async (p) => p.getByText("Details", { exact: true }).last().click()] },
  { name: "call-alarm", scene: "alarm", steps: [hideToast, click("shield")] },
  { name: "call-more", scene: "grid", steps: [hideToast, click("more")] },
  { name: "call-tile-menu", scene: "grid", steps: [hideToast, async (p) => p.getByRole("button", { name: "More for Mei" }).click({ force: true })] },
  { name: "call-invite", scene: "grid", steps: [hideToast, click("more"), async (p) => p.getByRole("menuitem", { name: "Invite with a code" }).click()] },
  { name: "call-settings", scene: "grid", steps: [hideToast, click("more"), async (p) => p.getByRole("menuitem", { name: "Settings" }).click()] },
  { name: "call-keys", scene: "grid", steps: [hideToast, press("?")] },
  { name: "call-figures", scene: "grid", steps: [hideToast, press("t")] },
  { name: "call-audio", scene: "grid", steps: [hideToast, async (p) => p.evaluate(() => globalThis.fakeCall.set({ quality: "poor" })), button("Audio only")] },
  { name: "call-phone", scene: "phone" },
  { name: "call-tablet", scene: "grid", only: "desktop", width: 820, steps: [hideToast, press("p")] },
  { name: "call-320", scene: "phone", only: "phone", width: 320 },
  { name: "call-zoom", scene: "grid", only: "desktop", width: 640, steps: [hideToast] },
  { name: "call-rtl", scene: "chat", steps: [rtl, press("c")] },
  { name: "start-rtl", steps: [rtl] },
  { name: "prejoin-rtl", scene: "prejoin", steps: [rtl] },
  { name: "call-forced", scene: "grid", only: "desktop", context: { forcedColors: "active" }, steps: [press("p")] },
  { name: "start-forced", only: "desktop", context: { forcedColors: "active" } },
  { name: "call-contrast", scene: "chat", only: "desktop", context: { contrast: "more" }, steps: [press("c")] },
  ...failures.map((scene) => ({ name: `end-${scene}`, scene })),
];

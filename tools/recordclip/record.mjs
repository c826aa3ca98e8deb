// Records the demo clip: node record.mjs FILE. Needs Chromium; CHROMIUM names another binary than /usr/bin/chromium.

import { createServer } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { encodeClip } from './clipfile.mjs';

const BITRATE = 1_050_000; // bit/s of video: the whole clip stays below 1.6 MB
const PATIENCE = 90; // seconds to wait for a period without a dropped picture

const target = process.argv[2];
if (!target) {
  console.error('usage: node record.mjs FILE');
  process.exit(2);
}

const types = { html: 'text/html', js: 'text/javascript' };
const server = createServer(async (request, response) => {
  const name = request.url === '/' ? 'page.html' : request.url.slice(1);
  const type = types[name.split('.').pop()];
  if (!/^[a-z]+\.(html|js)$/.test(name) || !type) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': type }).end(await readFile(new URL(name, import.meta.url)));
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const profile = await mkdtemp(join(tmpdir(), 'recordclip-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: false, // the flag below asks for the new headless mode
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
    '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-features=WebRtcHideLocalIpsWithMdns'],
});
try {
  const page = await context.newPage();
  page.on('console', (m) => console.error(`page: ${m.text()}`));
  page.on('pageerror', (e) => console.error(`page: ${e}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const recording = await page.evaluate((o) => window.record(o), { bitrate: BITRATE, patience: PATIENCE });
  for (const note of recording.notes) console.log(note);
  if (process.env.RECORDCLIP_RAW) await writeFile(process.env.RECORDCLIP_RAW, JSON.stringify(recording));
  const file = encodeClip(recording);
  await writeFile(target, file);
  console.log(`${target}: ${file.length} bytes, ${recording.video.length} video layer frames, ${recording.audio.length} audio frames`);
} finally {
  await context.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}

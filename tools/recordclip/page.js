// Runs in the browser: paints and plays the scene, sends it from one peer connection to another, and keeps what the
// encoders made. window.record() resolves with one period of it, from a key picture to just before the same one again.

import { draw, WIDTH, HEIGHT, PERIOD } from './scene.js';
import { render } from './melody.js';

const FPS = 20;
const KEY_EVERY = 2; // seconds

const canvas = document.querySelector('canvas');
canvas.width = WIDTH;
canvas.height = HEIGHT;

window.record = async ({ bitrate, patience }) => {
  const source = await startSource();
  const frames = await connect(source, bitrate);
  return collect(frames, patience);
};

// startSource plays the melody for ever and paints by its clock, so that picture and sound share one time.
async function startSource() {
  const audio = new AudioContext({ sampleRate: 48000 });
  await audio.resume();
  const buffer = audio.createBuffer(1, PERIOD * audio.sampleRate, audio.sampleRate);
  render(buffer.getChannelData(0), audio.sampleRate);
  const player = new AudioBufferSourceNode(audio, { buffer, loop: true });
  const out = audio.createMediaStreamDestination();
  out.channelCount = 1;
  player.connect(out);
  player.start();
  const epoch = audio.currentTime;
  const track = canvas.captureStream(0).getVideoTracks()[0];
  track.contentHint = 'motion';
  const context = canvas.getContext('2d', { alpha: false });
  const source = { tracks: [track, ...out.stream.getAudioTracks()], onKey: () => {} };
  let painted = -1;
  let keyed = -1;
  setInterval(() => {
    const n = Math.floor((audio.currentTime - epoch) * FPS);
    if (n === painted) return;
    painted = n;
    const due = Math.floor(n / (FPS * KEY_EVERY));
    if (due !== keyed) {
      keyed = due;
      source.onKey();
    }
    draw(context, n / FPS);
    track.requestFrame();
  }, 5);
  return source;
}

// connect sends the tracks through real encoders and returns the list that their frames are appended to.
async function connect(source, bitrate) {
  const worker = new Worker('worker.js');
  const frames = [];
  worker.onmessage = ({ data }) => frames.push({ at: performance.now(), ...data });
  const a = new RTCPeerConnection({ encodedInsertableStreams: true });
  const b = new RTCPeerConnection();
  a.onicecandidate = (e) => e.candidate && b.addIceCandidate(e.candidate);
  b.onicecandidate = (e) => e.candidate && a.addIceCandidate(e.candidate);
  for (const track of source.tracks) {
    const svc = track.kind === 'video' ? [{ maxBitrate: bitrate, scalabilityMode: 'L3T3_KEY', maxFramerate: 30 }] : [{}];
    const transceiver = a.addTransceiver(track, { direction: 'sendonly', sendEncodings: svc });
    transceiver.sender.transform = new RTCRtpScriptTransform(worker, { track: track.kind });
    prefer(transceiver, track.kind === 'video' ? /vp9/i : /opus/i);
    if (track.kind === 'video') {
      const parameters = transceiver.sender.getParameters();
      parameters.degradationPreference = 'maintain-resolution';
      await transceiver.sender.setParameters(parameters);
    }
  }
  const sender = a.getSenders().find((s) => s.track.kind === 'video');
  source.onKey = () => sender.setParameters(sender.getParameters(), { encodingOptions: [{ keyFrame: true }] });
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  const answer = await b.createAnswer();
  answer.sdp = answer.sdp.replace(/useinbandfec=1/, 'useinbandfec=1;maxaveragebitrate=40000');
  await b.setLocalDescription(answer);
  await a.setRemoteDescription(answer);
  return frames;
}

function prefer(transceiver, codec) {
  const kind = codec.test('video/VP9') ? 'video' : 'audio';
  const all = RTCRtpSender.getCapabilities(kind).codecs.filter((c) => codec.test(c.mimeType));
  transceiver.setCodecPreferences([all.find((c) => !/profile-id=[123]/.test(c.sdpFmtpLine ?? ''))]);
}

// collect waits for a period in which no picture lacks a layer and none was dropped.
async function collect(frames, patience) {
  const notes = [];
  const until = performance.now() + patience * 1000;
  while (performance.now() < until) {
    await new Promise((done) => setTimeout(done, 500));
    const video = frames.filter((f) => f.track === 'video');
    const keys = video.filter((f) => f.type === 'key');
    for (const first of keys) {
      if (first.tried) continue;
      const next = keys.find((k) => Math.abs(k.at - first.at - PERIOD * 1000) < 500);
      if (!next || frames.at(-1).at < next.at + 500) continue;
      first.tried = true;
      const inside = video.filter((f) => f.at >= first.at && f.at < next.at);
      const audio = frames.filter((f) => f.track === 'audio' && f.at >= first.at).slice(0, PERIOD * 50);
      const pictures = new Map();
      for (const f of inside) pictures.set(f.meta.rtpTimestamp, (pictures.get(f.meta.rtpTimestamp) ?? 0) + 1);
      const whole = [...pictures.values()].filter((n) => n === 3).length;
      const bytes = inside.reduce((sum, f) => sum + f.data.byteLength, 0);
      notes.push(`${pictures.size} pictures, ${whole} whole, ${bytes} bytes`);
      if (whole === pictures.size && whole >= PERIOD * FPS - 2 && audio.length === PERIOD * 50) {
        return { notes, fps: FPS, period: PERIOD, video: inside.map(plain), audio: audio.map(plain) };
      }
    }
  }
  throw new Error(`no whole period: ${notes.join('; ')}; ${frames.length} frames`);
}

// plain makes a frame that survives the way out of the page.
function plain({ type, meta, data }) {
  let binary = '';
  for (const byte of new Uint8Array(data)) binary += String.fromCharCode(byte);
  return { type, meta, data: btoa(binary) };
}

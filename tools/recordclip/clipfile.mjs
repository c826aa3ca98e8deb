// Writes a recording as a clip file. The format is drawn in client/clip/format.go, which reads it.

const clocks = { video: 90000, audio: 48000 };

export function encodeClip({ fps, period, video, audio }) {
  const head = Buffer.alloc(13);
  head.write('CCLIP\0\x01\n', 'latin1');
  head.writeUInt32BE(period * 1000, 8);
  head.writeUInt8(2, 12);
  const body = Buffer.concat([
    head,
    track(1, 'video/VP9', 'L3T3_KEY', clocks.video, videoFrames(video, fps)),
    track(2, 'audio/opus', '', clocks.audio, audioFrames(audio)),
  ]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, sum]);
}

function track(kind, codec, mode, clock, frames) {
  const rates = Buffer.alloc(8);
  rates.writeUInt32BE(clock);
  rates.writeUInt32BE(frames.length, 4);
  return Buffer.concat([Buffer.from([kind]), string(codec), string(mode), rates, ...frames]);
}

function string(s) {
  return Buffer.concat([Buffer.from([s.length]), Buffer.from(s, 'latin1')]);
}

// videoFrames puts the pictures on the even grid they were painted on; capture jitters by a few milliseconds.
function videoFrames(frames, fps) {
  const step = clocks.video / fps;
  const indexes = new Map(frames.map((f, i) => [f.meta.frameId, i]));
  return frames.map(({ type, meta, data }, i) => {
    const time = Math.round(((meta.rtpTimestamp - frames[0].meta.rtpTimestamp) >>> 0) / step) * step;
    const key = type === 'key';
    const references = (key ? [] : meta.dependencies).map((id) => i - (indexes.get(id) ?? fail(`frame ${i} needs a frame from outside`)));
    const layer = (meta.spatialIndex << 4) | meta.temporalIndex;
    return frame({ time, layer, flags: key ? 1 : 0, width: meta.width, height: meta.height, level: 0, references, data });
  });
}

function audioFrames(frames) {
  return frames.map(({ meta, data }, i) => {
    const quiet = meta.audioLevel > 0 ? Math.min(127, Math.round(-20 * Math.log10(meta.audioLevel))) : 127;
    const level = quiet | (quiet < 60 ? 0x80 : 0);
    return frame({ time: i * 960, layer: 0, flags: 1, width: 0, height: 0, level, references: [], data });
  });
}

function frame({ time, layer, flags, width, height, level, references, data }) {
  const bytes = Buffer.from(data, 'base64');
  const out = Buffer.alloc(16 + 2 * references.length);
  out.writeUInt32BE(time);
  out.writeUInt8(layer, 4);
  out.writeUInt8(flags, 5);
  out.writeUInt16BE(width, 6);
  out.writeUInt16BE(height, 8);
  out.writeUInt8(level, 10);
  out.writeUInt8(references.length, 11);
  references.forEach((distance, i) => out.writeUInt16BE(distance, 12 + 2 * i));
  out.writeUInt32BE(bytes.length, 12 + 2 * references.length);
  return Buffer.concat([out, bytes]);
}

function fail(message) {
  throw new Error(message);
}

// crc32 is the IEEE checksum, as in hash/crc32.
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

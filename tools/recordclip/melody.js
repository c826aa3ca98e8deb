// The sound of the demo clip: a soft plucked melody over slow fifths, PERIOD seconds long, its end fading into its start.

import { PERIOD } from './scene.js';

// Semitones above A3, one every half second; null is a rest.
const melody = [3, 7, 10, 15, 12, null, 10, 7, 5, 8, 12, 17, 15, null, 10, null];
const bass = [-21, -14, -19, -14]; // one every two seconds

const pitch = (semitones) => 220 * 2 ** (semitones / 12);

// render fills samples (one period, mono) with the melody.
export function render(samples, rate) {
  const add = (at, frequency, level, decay) => {
    const start = Math.round(at * rate);
    const length = Math.round(decay * 5 * rate);
    for (let i = 0; i < length; i++) {
      const t = i / rate;
      const envelope = Math.min(1, t / 0.012) * Math.exp(-t / decay);
      const w = 2 * Math.PI * frequency * t;
      const wave = Math.sin(w) + 0.32 * Math.sin(2 * w) * Math.exp(-t * 4) + 0.1 * Math.sin(3 * w) * Math.exp(-t * 8);
      samples[(start + i) % samples.length] += level * envelope * wave;
    }
  };
  const beat = PERIOD / melody.length;
  melody.forEach((note, i) => note !== null && add(i * beat, pitch(note), 0.16, 0.45));
  bass.forEach((note, i) => {
    add(i * (PERIOD / bass.length), pitch(note + 12), 0.1, 0.7);
    add(i * (PERIOD / bass.length), pitch(note + 19), 0.05, 0.7);
  });
}

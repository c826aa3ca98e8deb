const notes = [523.25, 659.25, 783.99]; // Hz: C, E, G
const noteLength = 0.22; // s

/** Plays three notes on a speaker. Rejects where the browser plays nothing. */
export async function playTestSound(speaker: string | undefined): Promise<void> {
  const context = new AudioContext();
  try {
    const out = context.createMediaStreamDestination();
    notes.forEach((frequency, i) => {
      const at = context.currentTime + 0.05 + i * noteLength;
      const loudness = context.createGain();
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.2, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + noteLength * 1.6);
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(loudness).connect(out);
      tone.start(at);
      tone.stop(at + noteLength * 1.7);
    });
    const player = new Audio();
    player.srcObject = out.stream;
    if (speaker !== undefined && "setSinkId" in player) await player.setSinkId(speaker);
    await player.play();
    await new Promise((done) => setTimeout(done, 1000 * (0.05 + notes.length * noteLength + 0.4)));
    player.srcObject = null;
  } finally {
    await context.close();
  }
}

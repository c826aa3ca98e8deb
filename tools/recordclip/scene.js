// The picture of the demo clip: 960x540, one turn of the hand in PERIOD seconds, so that the clip loops without a seam.
// Tests look at two patches: RED around (0.125, 0.5) and BLUE around (0.875, 0.5) of the picture's size.

export const WIDTH = 960;
export const HEIGHT = 540;
export const PERIOD = 8; // seconds

const paper = '#f5f3ee';
const stage = '#e3dfd6';
const line = '#dcd7cc';
const text = '#1d2125';
const text3 = '#5c6166';
const ink = '#1f4e79';
const brass = '#815708';
const brassFill = '#f3d68c';
const RED = '#c2241b';
const BLUE = '#1c5fc6';

const display = '"Noto Serif", "Liberation Serif", "DejaVu Serif", Georgia, serif';
const sans = '"Noto Sans", "Liberation Sans", "DejaVu Sans", Arial, sans-serif';

// The Conclave mark's keyhole, in a 24x24 box.
const keyhole = new Path2D('M12 7.6a2.9 2.9 0 0 1 1.45 5.41l1 3.59h-4.9l1-3.59A2.9 2.9 0 0 1 12 7.6Z');

// draw paints the picture of moment t, in seconds; t and t + PERIOD look the same.
export function draw(c, t) {
  const phase = (t % PERIOD) / PERIOD;
  c.fillStyle = paper;
  c.fillRect(0, 0, WIDTH, HEIGHT);
  c.fillStyle = stage;
  c.fillRect(0, 470, WIDTH, 70);
  drawDust(c, phase);
  drawPatch(c, 40, RED);
  drawPatch(c, 760, BLUE);
  drawDial(c, phase);
  drawWords(c, phase);
}

function drawPatch(c, x, colour) {
  c.fillStyle = colour;
  c.beginPath();
  c.roundRect(x, 190, 160, 160, 12);
  c.fill();
}

// drawDial paints the closed ring of seats around the keyhole, and the hand that goes round it.
function drawDial(c, phase) {
  const cx = WIDTH / 2;
  const cy = 222;
  const turn = phase * 2 * Math.PI;
  c.lineCap = 'round';
  c.strokeStyle = line;
  c.lineWidth = 2;
  c.beginPath();
  c.arc(cx, cy, 178, 0, 2 * Math.PI);
  c.stroke();
  for (let i = 0; i < 5; i++) {
    const a = (i / 5) * 2 * Math.PI - Math.PI / 2 + turn / 5;
    const lit = Math.max(0, 1 - Math.abs(((phase * 5 - i + 7.5) % 5) - 2.5));
    c.strokeStyle = lit > 0.5 ? '#b67d12' : brass;
    c.lineWidth = 26 + 4 * lit;
    c.beginPath();
    c.arc(cx, cy, 128, a - 0.47, a + 0.47);
    c.stroke();
  }
  c.fillStyle = brassFill;
  c.beginPath();
  c.arc(cx + 178 * Math.sin(turn), cy - 178 * Math.cos(turn), 9, 0, 2 * Math.PI);
  c.fill();
  c.strokeStyle = ink;
  c.lineWidth = 4;
  c.beginPath();
  c.moveTo(cx + 150 * Math.sin(turn), cy - 150 * Math.cos(turn));
  c.lineTo(cx + 170 * Math.sin(turn), cy - 170 * Math.cos(turn));
  c.stroke();
  c.save();
  c.translate(cx, cy);
  c.rotate(0.16 * Math.sin(turn));
  c.scale(11, 11);
  c.translate(-12, -12);
  c.fillStyle = brass;
  c.fill(keyhole);
  c.restore();
}

function drawWords(c, phase) {
  c.textAlign = 'center';
  c.textBaseline = 'alphabetic';
  c.fillStyle = text;
  c.font = `600 44px ${display}`;
  c.fillText('Conclave demo', WIDTH / 2, 456);
  c.fillStyle = text3;
  c.font = `400 20px ${sans}`;
  c.fillText('Every layer of this picture is sealed on its own.', WIDTH / 2, 512);
  c.textAlign = 'left';
  c.font = `600 18px ${sans}`;
  c.fillStyle = ink;
  c.fillText(`${(phase * PERIOD).toFixed(1)} s`, 40, 512);
  c.fillStyle = line;
  c.fillRect(760, 504, 160, 4);
  c.fillStyle = brass;
  c.fillRect(760, 504, 160 * phase, 4);
}

// drawDust moves small squares across the paper: fine detail, so that the layers differ in what they show.
function drawDust(c, phase) {
  for (let i = 0; i < 42; i++) {
    const laps = 1 + (i % 2);
    const x = (((i * 137.5) % WIDTH) + phase * laps * WIDTH) % WIDTH;
    const y = 18 + ((i * 89) % 430) + 6 * Math.sin(2 * Math.PI * (phase * (1 + (i % 3)) + i / 42));
    const size = 3 + (i % 4);
    c.fillStyle = i % 3 === 0 ? '#e2c88a' : line;
    c.fillRect(x, y, size, size);
  }
}

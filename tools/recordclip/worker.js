// Copies every encoded frame to the page, untouched.

onrtctransform = async ({ transformer }) => {
  const track = transformer.options.track;
  const reader = transformer.readable.getReader();
  const writer = transformer.writable.getWriter();
  for (;;) {
    const { value: frame, done } = await reader.read();
    if (done) return;
    const data = frame.data.slice(0);
    postMessage({ track, type: frame.type, meta: frame.getMetadata(), data }, [data]);
    await writer.write(frame);
  }
};

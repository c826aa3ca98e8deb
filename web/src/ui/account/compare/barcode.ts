/** The browser's own reader of codes (W3C Accelerated Shape Detection, section 2.3), where there is one. */
interface BarcodeReader {
  detect(source: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>;
}
interface BarcodeReaderClass {
  new (options: { formats: readonly string[] }): BarcodeReader;
  getSupportedFormats(): Promise<readonly string[]>;
}

const pause = 150; // ms between two looks at the picture

/** A reader of QR codes, or undefined where the browser has none. */
export async function qrReader(): Promise<BarcodeReader | undefined> {
  const { BarcodeDetector: Reader } = globalThis as { readonly BarcodeDetector?: BarcodeReaderClass };
  if (Reader === undefined) return undefined;
  try {
    const formats = await Reader.getSupportedFormats();
    return formats.includes("qr_code") ? new Reader({ formats: ["qr_code"] }) : undefined;
  } catch {
    return undefined;
  }
}

/** Looks at a video until it shows a code; undefined if it is told to stop. */
export async function readCode(
  reader: BarcodeReader,
  video: HTMLVideoElement,
  stop: AbortSignal,
): Promise<string | undefined> {
  while (!stop.aborted) {
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      const [found] = await reader.detect(video).catch(() => []);
      if (found && found.rawValue !== "") return found.rawValue;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return undefined;
}

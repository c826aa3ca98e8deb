import type { DeviceClass } from "../../account/types.ts";
import type { IconName } from "../kit/icons.ts";

type ClassWord = "dev.class.web" | "dev.class.native" | "dev.class.cli";

/** The icon and word of a device. A phone is known only by what its owner calls it. */
export function classOf(kind: DeviceClass, name: string): { readonly icon: IconName; readonly word: ClassWord } {
  switch (kind) {
    case "web":
      return { icon: "browser", word: "dev.class.web" };
    case "command line":
      return { icon: "terminal", word: "dev.class.cli" };
    default:
      return { icon: /phone|mobile|android/iu.test(name) ? "mobile" : "laptop", word: "dev.class.native" };
  }
}

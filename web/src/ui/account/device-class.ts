import type { DeviceClass } from "../../account/types.ts";
import type { IconName } from "../kit/icons.ts";

/** The icon and word of a class of device. */
export function classOf(kind: DeviceClass): { readonly icon: IconName; readonly word: "dev.class.web" | "dev.class.native" | "dev.class.cli" } {
  switch (kind) {
    case "web":
      return { icon: "browser", word: "dev.class.web" };
    case "command line":
      return { icon: "terminal", word: "dev.class.cli" };
    default:
      return { icon: "laptop", word: "dev.class.native" };
  }
}

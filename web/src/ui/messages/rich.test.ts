import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRich, plainOf, type Block, type Inline } from "./rich.ts";

const text = (t: string): Inline => ({ kind: "text", text: t });
const inline = (t: string): readonly Inline[] => {
  const [only] = parseRich(t);
  return only && "parts" in only ? only.parts : [];
};
const links = (blocks: readonly Block[]): string[] => {
  const of = (parts: readonly Inline[]): string[] =>
    parts.flatMap((p) => (p.kind === "link" ? [p.href] : "parts" in p ? of(p.parts) : []));
  return blocks.flatMap((b) => ("parts" in b ? of(b.parts) : []));
};

describe("the markup of messages", () => {
  it("knows bold, italic and code", () => {
    expect(inline("a **b *c*** `*d*`")).toContainEqual({ kind: "code", text: "*d*" });
    expect(inline("**b**")).toEqual([{ kind: "strong", parts: [text("b")] }]);
    expect(inline("*b* _c_")).toEqual([
      { kind: "em", parts: [text("b")] },
      text(" "),
      { kind: "em", parts: [text("c")] },
    ]);
  });
  it("leaves single marks and words with underscores alone", () => {
    for (const same of ["2 * 3 * 4", "snake_case_name", "**", "a ** b ** c", "`", "[a](b)", "* a"])
      expect(inline(same), same).toEqual([text(same)]);
  });
  it("knows blocks of code and quotes", () => {
    expect(parseRich("a\n```go\nx **y**\n```\n> q\n> r\nz")).toEqual([
      { kind: "text", parts: [text("a")] },
      { kind: "code", text: "x **y**" },
      { kind: "quote", parts: [text("q\nr")] },
      { kind: "text", parts: [text("z")] },
    ]);
    expect(parseRich("```\nopen")).toEqual([{ kind: "text", parts: [text("```\nopen")] }]);
  });
  it("says where a link leads", () => {
    expect(inline("https://a.example/x.")).toEqual([
      { kind: "link", text: "https://a.example/x", href: "https://a.example/x", host: "" },
      text("."),
    ]);
    expect(inline("[bank](https://evil.example/)")).toEqual([
      { kind: "link", text: "bank", href: "https://evil.example/", host: "evil.example" },
    ]);
    expect(inline("[https://bank.example](https://evil.example/)")[0]).toMatchObject({ host: "evil.example" });
    expect(inline("https://аpple.example/")[0]).toMatchObject({ host: "xn--pple-43d.example" });
  });
  it("makes no link that runs a script, hides its host or turns its direction", () => {
    for (const bad of [
      "[x](javascript:alert(1))",
      "[x](data:text/html,x)",
      "https://bank.example@evil.example/",
      "[x](https://a\u202egro.knab)",
      "javascript:alert(1)",
      "<img src=x onerror=alert(1)>",
    ])
      expect(links(parseRich(bad)), bad).toEqual([]);
    expect(inline("<b>&amp;</b>")).toEqual([text("<b>&amp;</b>")]);
  });
  it("takes any text, loses no letter but marks, and links only to the web", () => {
    const letters = fc.constantFrom(..."*_`[]()>\n ab:/h", "https://", "```\n", "javascript:");
    fc.assert(
      fc.property(fc.string({ unit: letters, maxLength: 200 }), (any) => {
        for (const href of links(parseRich(any))) expect(href).toMatch(/^https?:\/\//u);
        expect(any.includes("a") || !plainOf(any).includes("a")).toBe(true);
      }),
    );
  });
  it("takes the longest message of marks", () => {
    for (const unit of ["*", "**a", "[", "_a ", "`a", "> ", "```\n", "h", "*a _b "]) {
      const long = unit.repeat(Math.floor(16_384 / unit.length));
      expect(parseRich(long).length, unit).toBeGreaterThanOrEqual(0);
    }
  });
  it("is one plain line in the list", () => {
    expect(plainOf("**a**\n\n> b `c`")).toBe("a b c");
  });
});

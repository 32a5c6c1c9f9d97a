import Foundation
import JSONText
import Testing

/// The HTML report as a browser shows it: Chromium without a window, on a phone, in the dark, on paper.
@Suite struct AuditPageTests {
  private static let browser = "chromium-headless-shell"

  /// The report of two audits with findings, one that passes, one that fails, one that is skipped.
  private static let page = Result {
    let folder = try TemporaryFolder()
    try folder.write(
      #"audit { id = "FAIL-1", title = "fails", severity = "low", packet = function() error("oops") end }"#, to: "f.lua"
    )
    try folder.write(
      #"{"format": "moontap.waivers/1", "waivers": [{"id": "TLS-001", "key": "version*", "reason": "goes in March"}]}"#,
      to: "w.json")
    // By the longest of paths, whose names have no place to break: it must not make the page wider.
    let captures = folder.path(String(repeating: "long", count: 40))
    let originals = Shell.root.appending(path: "examples/audits/captures").path
    try FileManager.default.copyItem(atPath: originals, toPath: captures)
    let finished = try Shell.moontap(
      [
        "audit", "examples/audits", folder.path("f.lua"), "--inventory", "examples/audits/configurations/shop.json",
        "--waivers", folder.path("w.json"), "--report", folder.path("r.html"), "--read",
      ]
        + ["weak-tls-bad", "cleartext-credentials-bad", "port-scan-bad", "weak-tls-good"].map {
          "\(captures)/\($0).pcap"
        })
    guard finished.status == 2 else { throw NSError(domain: finished.errors, code: 1) }
    return try String(contentsOfFile: folder.path("r.html"), encoding: .utf8)
  }

  /// What a script added by this test measures, once the page is laid out. The page itself forbids scripts.
  private func measure(_ script: String, _ arguments: [String]) throws -> JSONValue {
    let folder = try TemporaryFolder()
    let policy = #"<meta http-equiv="Content-Security-Policy""#
    let page = try Self.page.get()
    #expect(page.contains(policy))
    let open = page.replacingOccurrences(of: policy, with: #"<meta name="policy""#)
      .replacingOccurrences(
        of: "</body>", with: "<script>document.title = JSON.stringify((() => { \(script) })())</script></body>")
    try folder.write(open, to: "page.html")
    let finished = try browse(["--dump-dom"] + arguments, folder, "page.html")
    let title = try #require(
      finished.text.components(separatedBy: "<title>").dropFirst().first?.components(separatedBy: "</title>").first)
    let text = title.replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
      .replacingOccurrences(of: "&amp;", with: "&")
    return try JSONValue(json: Array(text.utf8), file: "title")
  }

  private func browse(_ arguments: [String], _ folder: TemporaryFolder, _ name: String) throws -> Finished {
    let finished = try Shell.run(
      Self.browser,
      ["--no-sandbox", "--disable-gpu", "--user-data-dir=" + folder.path("profile")] + arguments
        + ["file://" + folder.path(name)])
    try #require(finished.status == 0, "\(Self.browser) is needed (scripts/install): \(finished.errors)")
    return finished
  }

  /// Of each text that is seen: its ratio to what is behind it (WCAG 2.1, 1.4.3).
  private static let contrasts = """
    const number = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
    const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * number(r) + 0.7152 * number(g) + 0.0722 * number(b);
    const behind = (e) => { for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c }
      return [255, 255, 255] };
    const seen = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility({ opacityProperty: true })
      && [...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim()) && e.tagName != "SCRIPT");
    const list = seen.map((e) => {
      const style = getComputedStyle(e), ink = e.closest("svg") ? style.fill : style.color;
      const [a, b] = [light(rgb(ink)), light(behind(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName + "." + (e.className.baseVal ?? e.className)] });
    """

  @Test(arguments: [["--window-size=1100,900"], ["--window-size=390,800", "--blink-settings=preferredColorScheme=0"]])
  func everyTextStandsOut(arguments: [String]) throws {
    let script =
      Self.contrasts + """
        document.querySelectorAll("input").forEach((box) => { box.checked = true });
        return { count: list.length, dark: light(behind(document.body)) < 0.2,
          faint: [...new Set(list.filter(([ratio]) => !(ratio >= 4.5)).map(([ratio, what]) => what + " " + ratio.toFixed(2)))] };
        """
    let measured = try measure(script, arguments)
    #expect((measured["count"]?.integer ?? 0) > 100)
    #expect(measured["dark"]?.bool == (arguments.count == 2))
    #expect(measured["faint"]?.array?.compactMap(\.string) == [])
  }

  @Test func aPhoneNeedNotScrollSideways() throws {
    let script = """
      const wide = [...document.querySelectorAll("main *")].filter((e) => !e.closest(".wide, pre")
        && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName);
      const text = document.querySelector("svg text").getBoundingClientRect().height;
      return { width: innerWidth, page: document.documentElement.scrollWidth, wide, text: Math.round(text) };
      """
    let measured = try measure(script, ["--window-size=390,800"])
    let width = try #require(measured["width"]?.integer)
    #expect(width <= 390)
    #expect(try #require(measured["page"]?.integer) <= width)
    #expect(measured["wide"]?.array?.compactMap(\.string) == [])
    // Labels of charts can be read: no smaller than the small print.
    #expect((measured["text"]?.integer ?? 0) >= 10)
  }

  /// The switches work without a script: an unticked severity is gone.
  @Test func countsAreSwitches() throws {
    let script = """
      const shown = () => [...document.querySelectorAll(".finding")].filter((e) => e.checkVisibility()).length;
      const before = shown();
      document.querySelector("#show-high").checked = false;
      const without = shown();
      document.querySelector("#show-waived").checked = true;
      return { before, high: document.querySelectorAll(".finding.high:not(.is-waived)").length, without, waived: shown() };
      """
    let measured = try measure(script, ["--window-size=1100,900"])
    let (before, high) = (try #require(measured["before"]?.integer), try #require(measured["high"]?.integer))
    #expect(high > 0 && before > high)
    #expect(measured["without"]?.integer == before - high)
    #expect(measured["waived"]?.integer == before - high + 1)
  }

  /// On paper: every finding with its packets' bytes, which on the screen are folded away; and pages that are full.
  @Test func paperHasTheFindingsAndTheirBytes() throws {
    let folder = try TemporaryFolder()
    try folder.write(try Self.page.get(), to: "page.html")
    _ = try browse(["--print-to-pdf=" + folder.path("r.pdf"), "--no-pdf-header-footer"], folder, "page.html")
    let printed = try Shell.run("pdftotext", ["-layout", folder.path("r.pdf"), "-"])
    try #require(printed.status == 0, "pdftotext is needed: scripts/install")
    for text in [
      "Audit report", "Not everything was evaluated", "FTP credentials in clear to 192.0.2.7: USER and PASS in clear",
      "10.20.9.5 tries the ports of 10.20.3.4", "oops", "USER ada", "Top talkers", "weak-tls-good.pcap",
    ] { #expect(printed.text.contains(text), "\(text)") }
    #expect(!printed.text.contains("goes in March"), "waived findings are shown where they are asked for")
    let pages = printed.text.split(separator: "\u{c}")
    for page in pages.dropLast() {
      #expect(page.split(separator: "\n").count > 25, "a page is left nearly empty: \(page)")
      let last = page.split(separator: "\n").last?.trimmingCharacters(in: .whitespaces)
      #expect(!["Findings", "Audits", "Captures", "Not evaluated"].contains(last), "a heading without what it heads")
    }
  }

  /// A picture of the whole, as it is first seen: not blank, and dark where dark is asked for.
  @Test func aPictureIsTaken() throws {
    let folder = try TemporaryFolder()
    try folder.write(try Self.page.get(), to: "page.html")
    _ = try browse(["--window-size=800,600", "--screenshot=" + folder.path("r.png")], folder, "page.html")
    let picture = try Data(contentsOf: URL(filePath: folder.path("r.png")))
    #expect(picture.starts(with: [0x89, 0x50, 0x4e, 0x47]))
    #expect(picture.count > 20_000)
  }
}

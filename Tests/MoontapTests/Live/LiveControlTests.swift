import Foundation
import JSONText
import Testing

/// A live run in a laboratory, asked over its socket while packets pass.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveControlTests {
  /// A run with its socket in its usual place.
  private final class LiveEngine {
    let laboratory: Laboratory
    let process: Daemon
    let control: String

    init(_ laboratory: Laboratory, _ policy: String, _ more: [String] = []) throws {
      self.laboratory = laboratory
      process = try laboratory.moontap(policy, more)
      let line = try #require(process.errors.split(separator: "\n").first { $0.hasPrefix("control: ") })
      control = String(line.dropFirst("control: ".count))
    }

    func ask(_ arguments: String...) throws -> Finished { try Shell.moontap(arguments + ["--control", control]) }
    func summary() throws -> JSONValue { try #require(try ask("status", "--json").json()["summary"]) }
  }

  private func expectSound(_ summary: JSONValue) throws {
    let mirror = try #require(summary.mirror("m"))
    let receivers = try #require(mirror["receivers"]?.array)
    for receiver in receivers {
      let drops = (receiver["drops"]?.members ?? []).compactMap(\.value.packets).reduce(0, +)
      #expect(receiver["packets"]?.integer == (receiver["delivered"]?.packets ?? -1) + drops)
    }
    #expect(mirror["collected"]?.packets == receivers.compactMap { $0["packets"]?.integer }.reduce(0, +))
    let reasons = (mirror["reasons"]?.members ?? []).compactMap(\.value.packets).reduce(0, +)
    #expect(mirror["observed"]?.packets == (mirror["collected"]?.packets ?? -1) + reasons)
    let interfaces = try #require(summary["live"]?["interfaces"]?.array)
    for interface in interfaces {
      #expect(interface["met"]?.integer == (interface["read"]?.integer ?? -1) + (interface["lost"]?.integer ?? 0))
    }
    #expect(summary["records"]?.packets == interfaces.compactMap { $0["records"]?.integer }.reduce(0, +))
  }

  @Test func isAskedReloadedAndStopped() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy()
    let engine = try LiveEngine(laboratory, policy, ["--metrics", "127.0.0.1:0"])
    #expect(engine.control.hasPrefix("/run/moontap/0/"))
    #expect(try laboratory.shell("stat -c %a%U \(engine.control)") == "600root\n")
    // No packet wakes it.
    #expect(try engine.ask("status").status == 0)
    try laboratory.ping("-c 20 -i 0.005")
    usleep(200_000)
    let summary = try engine.summary()
    #expect(summary.mirror("m")?["collected"]?.packets ?? 0 >= 40)
    let frame = try engine.ask("top", "--once", "--interval", "0.1").text
    for text in ["10.20.9.10", "tap-web1", "eni-web2", "m       running"] { #expect(frame.contains(text), "\(frame)") }
    #expect(!frame.contains("Recording"), "\(frame)")
    let url = try #require(engine.process.errors.split(separator: "\n").first { $0.hasPrefix("metrics: ") })
    let page = try laboratory.shell("ip netns exec \(laboratory.host) curl -sf \(url.dropFirst("metrics: ".count))")
    let samples = Samples(page)
    samples.expectSame(as: try engine.summary())
    #expect(samples.sum("moontap_interface_open") == 2)
    #expect(samples.sum("moontap_outlet_sent_copies_total") == samples.sum("moontap_delivered_packets_total"))
    #expect(samples.sum("moontap_interface_kernel_dropped_frames_total") == 0)
    _ = try laboratory.policy(more: #"tags = { a = "b" },"#)
    #expect(try engine.ask("reload").text == "1 mirror in force: changed m; policy text changed: policy\n")
    try laboratory.ping("-c 10 -i 0.005")
    // What waits is judged and sent before the end.
    let stopped = try engine.ask("stop", "--json")
    #expect(stopped.status == 0, "\(stopped.errors)")
    let last = try stopped.json()
    try expectSound(last)
    #expect(last["reloads"]?.integer == 1)
    engine.process.process.waitUntilExit()
    #expect(engine.process.process.terminationStatus == 0)
    #expect(last.mirror("m")?["collected"]?.packets ?? 0 >= 60)
    #expect(!FileManager.default.fileExists(atPath: engine.control))
  }

  @Test func switchesAMirrorWhileItRuns() throws {
    let laboratory = try Laboratory()
    let engine = try LiveEngine(laboratory, laboratory.policy())
    try laboratory.ping("-c 5 -i 0.005")
    #expect(try engine.ask("mirror", "disable", "m").status == 0)
    let before = try engine.summary().mirror("m")?["collected"]?.packets
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    #expect(try engine.summary().mirror("m")?["collected"]?.packets == before)
    let attached = try Shell.run(
      Shell.moontap, ["repl", "--attach", "--control", engine.control],
      input: Data("mirrors.m:enable()\nmirrors.m.state\n".utf8))
    #expect(attached.text == "\"enabled\"\n", "\(attached.errors)")
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    #expect(try engine.summary().mirror("m")?["collected"]?.packets ?? 0 >= (before ?? 0) + 10)
    try expectSound(engine.process.stop().json())
  }

  @Test func servesTheUserThatItBecomes() throws {
    let laboratory = try Laboratory()
    let engine = try LiveEngine(laboratory, laboratory.policy(), ["--user", "65534"])
    #expect(engine.control.hasPrefix("/run/moontap/65534/"))
    #expect(try laboratory.shell("stat -c %a%u \(engine.control)") == "60065534\n")
    let ask =
      "import socket,sys,os\nos.setgid(65534); os.setuid(int(sys.argv[2]))\ns=socket.socket(socket.AF_UNIX)\n"
      + "s.connect(sys.argv[1])\nf=s.makefile('rw')\nf.readline()\nf.write('{\"request\":\"status\"}\\n'); f.flush()\nprint(f.readline())"
    let own = try Shell.run("/usr/bin/python3", ["-c", ask, engine.control, "65534"])
    #expect(own.text.contains("moontap.status/1"), "\(own.errors)")
    let other = try Shell.run("/usr/bin/python3", ["-c", ask, engine.control, "65533"])
    #expect(other.errors.contains("Permission denied"))
    #expect(try engine.ask("status").status == 0)
    _ = try engine.process.stop()
    #expect(!FileManager.default.fileExists(atPath: engine.control))
  }

  /// Clients of every bad kind, at the socket and at the metrics, while a flood of packets passes: all of them are counted.
  @Test func hostileClientsTakeNoPacket() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    let engine = try LiveEngine(laboratory, policy, ["--metrics", "127.0.0.1:0", "--ring", "64"])
    let url = try #require(engine.process.errors.split(separator: "\n").first { $0.hasPrefix("metrics: ") })
    let port = try #require(url.firstMatch(of: /:(\d+)\/metrics/)?.1)
    try laboratory.folder.write(Self.hostile, to: "hostile.py")
    let hostile = try Daemon(
      in: laboratory.host, ["/usr/bin/python3", laboratory.folder.path("hostile.py"), engine.control, String(port)],
      ready: "hostile")
    try laboratory.ping("-f -c 3000 -s 1000")
    hostile.kill()
    usleep(300_000)
    let last = try engine.process.stop().json()
    try expectSound(last)
    #expect(last.mirror("m")?["collected"]?.packets ?? 0 >= 6000)
    let lost = (last["live"]?["interfaces"]?.array ?? []).compactMap { $0["lost"]?.integer }.reduce(0, +)
    #expect(lost == 0)
  }

  private static let hostile = """
    import socket, sys, threading, time
    path, port = sys.argv[1], int(sys.argv[2])
    def unix():
        s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(path); return s
    def web():
        return socket.create_connection(("127.0.0.1", port), 5)
    def again(act):
        def run():
            while True:
                try: act()
                except OSError: time.sleep(0.01)
        threading.Thread(target=run, daemon=True).start()
    silent = []
    def sit():
        silent.append(unix()); silent.append(web())
        if len(silent) > 400: silent.clear()
    def pour(connect):
        s = connect()
        for _ in range(1000): s.sendall(b"x" * 65536)
    def ask():
        s = unix(); s.sendall(b'{"request":"status"}\\n' * 2000); time.sleep(0.2)
    def reload():
        s = unix(); s.sendall(b'{"request":"reload"}\\n{"request":"reload"}\\n'); s.recv(100); time.sleep(0.2)
    def attach():
        s = unix(); s.sendall(b'{"request":"attach"}\\n{"request":"input","text":"while true do print(1) end"}\\n'); time.sleep(0.3)
    def get():
        s = web(); s.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n"); s.recv(10)
    for act in (sit, lambda: pour(unix), lambda: pour(web), ask, reload, attach, get): again(act)
    print("hostile", file=sys.stderr, flush=True)
    time.sleep(60)
    """
}

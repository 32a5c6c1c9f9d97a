import ArgumentParser

struct ScenesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scenes",
    abstract: "Write for each audit of examples/audits a capture that triggers it, and one that does not.")

  @Argument(help: ArgumentHelp("Where NAME-bad.pcap and NAME-good.pcap go.", valueName: "folder"))
  var folder: String

  func run() throws {
    for (audit, bad, good) in Scene.audits {
      try write(bad, to: "\(folder)/\(audit)-bad.pcap")
      try write(good, to: "\(folder)/\(audit)-good.pcap")
    }
  }

  private func write(_ scene: Scene, to path: String) throws {
    let writer = try CaptureWriter(path: path, format: .pcap)
    for frame in scene.frames {
      try unsafe writer.append(time: frame.time) { target in
        for (offset, byte) in frame.bytes.enumerated() {
          unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        }
        return frame.bytes.count
      }
    }
    try writer.finish()
  }
}

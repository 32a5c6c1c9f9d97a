import Capture
import DataPath
import Foundation
import Testing
import Wire

/// Shared tools of the tests: fixtures, temporary folders, other programs, frames that were copied out of a batch.

let captures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Fixtures/captures")

/// Every capture among the fixtures.
let fixtureNames: [String] = try! FileManager.default.contentsOfDirectory(atPath: captures.path)
  .filter { $0.contains(".pcap") }.sorted()

func fixture(_ name: String) -> String { captures.appending(path: name).path }

/// A folder that is gone when the test ends.
final class TemporaryFolder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  @discardableResult func write(_ bytes: some Sequence<UInt8>, to name: String) -> String {
    try! Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  func names() -> [String] { try! FileManager.default.contentsOfDirectory(atPath: path).sorted() }
}

struct Output {
  var status: Int32
  var text: String
  var errors: String
}

/// Runs a program of the machine to its end.
func run(_ program: String, _ arguments: String...) -> Output { run(program, arguments) }

func run(_ program: String, _ arguments: [String]) -> Output {
  let folder = TemporaryFolder()
  let (out, err) = (folder.write([], to: "out"), folder.write([], to: "err"))
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.standardOutput = FileHandle(forWritingAtPath: out)
  process.standardError = FileHandle(forWritingAtPath: err)
  process.standardInput = FileHandle.nullDevice
  try! process.run()
  process.waitUntilExit()
  return Output(
    status: process.terminationStatus, text: String(decoding: bytes(of: out), as: UTF8.self),
    errors: String(decoding: bytes(of: err), as: UTF8.self))
}

func bytes(of path: String) -> [UInt8] { Array(FileManager.default.contents(atPath: path) ?? Data()) }

/// A frame with its own bytes.
struct OwnedFrame: Hashable {
  var bytes: [UInt8]
  var time: Int64
  var original: UInt32
  var interface: UInt32
  var direction: CaptureDirection = .unknown
}

/// All frames of a source, and what ended it.
struct Reading {
  var frames: [OwnedFrame] = []
  var interfaces: [CaptureInterface] = []
  var error: CaptureError?

  init(_ path: String) {
    do throws(CaptureError) {
      try self.init(CaptureFileSource(path: path))
    } catch {
      self.init(error: error)
    }
  }

  private init(error: CaptureError) { self.error = error }

  init<Source: FrameSource>(_ source: Source) where Source.Failure == CaptureError {
    do throws(CaptureError) {
      let batch = FrameBatch()
      while try source.fill(batch) { frames += owned(batch) }
    } catch {
      self.error = error
    }
    interfaces = source.interfaces
  }
}

func owned(_ batch: FrameBatch) -> [OwnedFrame] {
  (0..<batch.count).map { index in
    let frame = unsafe batch.frames[index]
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
    return OwnedFrame(
      bytes: bytes, time: frame.time, original: frame.original, interface: frame.interface, direction: frame.direction)
  }
}

/// A block of a pcapng file in the machine's byte order.
struct PcapngBlockBytes {
  var type: UInt32
  var body: ArraySlice<UInt8>

  func number32(at offset: Int) -> UInt32 { CaptureTests.number32(body, at: offset) }
}

func pcapngBlocks(of path: String) -> [PcapngBlockBytes] {
  var rest = bytes(of: path)[...]
  var blocks: [PcapngBlockBytes] = []
  while rest.count >= 12 {
    let total = Int(number32(rest, at: 4))
    guard total >= 12, total <= rest.count else { break }
    blocks.append(PcapngBlockBytes(type: number32(rest, at: 0), body: rest.dropFirst(8).prefix(total - 12)))
    rest = rest.dropFirst(total)
  }
  return blocks
}

private func number32(_ bytes: ArraySlice<UInt8>, at offset: Int) -> UInt32 {
  bytes.dropFirst(offset).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
}

import Foundation
import JSONText
import SeededRandom
import Testing

private func randomText(_ generator: inout SeededGenerator) -> String {
  let alphabet: [UnicodeScalar] = [
    "a", "Z", "0", "\"", "\\", "/", "\n", "\u{1}", "\u{7f}", "\u{9b}", "é", "€", "\u{2028}", "😀",
  ]
  let scalars = (0..<Int.random(in: 0...8, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }
  return String(String.UnicodeScalarView(scalars))
}

private func randomValue(_ generator: inout SeededGenerator, depth: Int) -> JSONValue {
  switch Int.random(in: 0...(depth > 0 ? 7 : 4), using: &generator) {
  case 0: return .null
  case 1: return .bool(.random(using: &generator))
  case 2: return .integer(Int.random(in: .min ... .max, using: &generator) >> Int.random(in: 0...60, using: &generator))
  case 3: return .double(Double(bitPattern: generator.next()))
  case 4: return .string(randomText(&generator))
  case 5:
    return .array((0..<Int.random(in: 0...5, using: &generator)).map { _ in randomValue(&generator, depth: depth - 1) })
  default:
    let names = Set((0..<Int.random(in: 0...20, using: &generator)).map { _ in randomText(&generator) }).sorted()
    return .object(names.map { JSONMember($0, randomValue(&generator, depth: depth - 1)) })
  }
}

@Suite struct JSONPropertyTests {
  @Test func readsBackWhatItWrote() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let value = randomValue(&generator, depth: 4)
      for text in [value.text(), value.text(.pretty)] {
        let back = try JSONValue(json: text, file: "t")
        #expect(back == value)
        #expect(back.text() == value.text())
      }
    }
  }

  /// Damaged documents give an error or a value, never a trap; every error points into the text.
  @Test func survivesDamage() {
    var generator = SeededGenerator(seed: 2)
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = Array(randomValue(&generator, depth: 3).text(.pretty).utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.removeLast(Int.random(in: 0...(bytes.count - 1), using: &generator))
        }
      }
      do throws(JSONError) {
        _ = try JSONValue(json: bytes, file: "t")
      } catch {
        refused += 1
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        #expect(error.position.offset >= 0 && error.position.offset <= bytes.count)
        #expect(error.position.line >= 1 && error.position.line <= lines.count)
        let line = lines[min(error.position.line, lines.count) - 1]
        #expect(error.position.column >= 1 && error.position.column <= line.count + 1)
        #expect(!error.description.isEmpty)
      }
    }
    #expect(refused > 700)
  }

  /// Python's reader agrees with ours on what is JSON and what it says. Python is laxer in four known ways, which the
  /// script takes away: NaN and infinities, duplicate names, lone surrogates, and unlimited depth (not generated).
  @Test func agreesWithPython() throws {
    var generator = SeededGenerator(seed: 3)
    var documents: [[UInt8]] = []
    for index in 0..<800 {
      var bytes = Array(randomValue(&generator, depth: 3).text(index % 2 == 0 ? .compact : .pretty).utf8)
      if index % 3 != 0, !bytes.isEmpty {
        let soup = Array("\"\\{}[],:0123456789.eE+-tfnu \t\r\nNaI'/".utf8) + [0x00, 0x1f, 0x7f, 0xc3, 0xa9, 0xff]
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = soup.randomElement(using: &generator)!
      }
      documents.append(bytes)
    }
    let answers = try runPython(documents)
    #expect(answers.count == documents.count)
    var accepted = 0
    for (bytes, answer) in zip(documents, answers) {
      let value = try? JSONValue(json: bytes, file: "t")
      #expect((value != nil) == (answer != "-"), "\(String(decoding: bytes, as: UTF8.self)): python says \(answer)")
      guard let value, answer != "-" else { continue }
      accepted += 1
      // What Python read and wrote again is the same value, numbers compared as doubles or exact integers.
      #expect(sameMeaning(value, try JSONValue(json: answer, file: "python")), "\(answer)")
    }
    #expect(accepted > 280 && accepted < 700)
  }

  private func sameMeaning(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch (a.content, b.content) {
    case (.number(let x), .number(let y)): x.integer == y.integer && (x.integer != nil || x.double == y.double)
    case (.array(let x), .array(let y)): x.count == y.count && zip(x, y).allSatisfy(sameMeaning)
    case (.object(let x), .object(let y)):
      x.count == y.count && zip(x, y).allSatisfy { $0.name == $1.name && sameMeaning($0.value, $1.value) }
    default: a == b
    }
  }

  private func runPython(_ documents: [[UInt8]]) throws -> [String] {
    let script = """
      import json, sys
      def pairs(items):
          names = [name for name, _ in items]
          if len(set(names)) != len(names): raise ValueError('duplicate')
          return dict(items)
      def constant(text): raise ValueError(text)
      for line in sys.stdin:
          try:
              value = json.loads(bytes.fromhex(line.strip()).decode('utf-8'), object_pairs_hook=pairs, parse_constant=constant)
              text = json.dumps(value, ensure_ascii=False)
              text.encode('utf-8')
              if 'Infinity' in text: text = json.dumps(value, ensure_ascii=False).replace('-Infinity', '-1e999').replace('Infinity', '1e999')
              print(text.encode('utf-8').hex())
          except (ValueError, UnicodeError):
              print('-')
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script]
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let lines = documents.map { $0.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined() }
    let writer = Thread {
      input.fileHandleForWriting.write(Data((lines.joined(separator: "\n") + "\n").utf8))
      try? input.fileHandleForWriting.close()
    }
    writer.start()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map { line in
      line == "-" ? "-" : String(decoding: bytes(hexadecimal: line), as: UTF8.self)
    }
  }

  private func bytes(hexadecimal text: Substring) -> [UInt8] {
    let digits = text.utf8.map { $0 > 0x60 ? $0 - 87 : $0 - 48 }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

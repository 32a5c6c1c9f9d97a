import Foundation
import Inventory
import Testing

@testable import Interactive

enum Files {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func path(_ name: String) -> String { root.appending(path: name).path }

  static func inventory(_ name: String) throws -> Inventory {
    let path = path("examples/inventories/\(name).json")
    return try Inventory(json: Array(Data(contentsOf: URL(filePath: path))), file: path)
  }
}

/// A session, and what it printed.
final class Desk {
  private(set) var printed: [String] = []
  private(set) var session: Session!

  init(inventory: String = "shop", _ change: (inout Session.Options) -> Void = { _ in }) throws {
    var options = Session.Options()
    options.output = { [unowned self] in printed.append($0) }
    change(&options)
    session = try Session(inventory: Files.inventory(inventory), options: options)
  }

  /// The lines of an answer; failures begin with `!`.
  @discardableResult
  func answer(_ input: String) -> [String] {
    switch session.answer(input) {
    case .done(let lines): lines
    case .failed(let lines): lines.map { "! " + $0 }
    case .incomplete: ["…"]
    case .interrupted: ["interrupted"]
    case .leave: ["leave"]
    }
  }

  func text(_ input: String) -> String { answer(input).joined(separator: "\n") }
}

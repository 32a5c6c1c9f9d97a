import Cloud
import Inventory
import JSONText
import Mirroring
import Store

/// A JSON document of the command line; `-` is standard input.
struct JSONFile {
  /// What messages call it.
  var name: String
  var document: JSONValue

  /// - Throws: `Problem`
  init(_ path: String, what: String) throws {
    name = path == "-" ? "standard input" : path
    let bytes = try TextFile.read(path == "-" ? "/dev/stdin" : path, what: what)
    do {
      document = try JSONValue(json: bytes, file: name)
    } catch {
      throw Problem(error)
    }
  }
}

extension WantedMirror {
  /// The mirrors of a `moontap.mirrors/1` file.
  static func read(_ path: String) throws -> [WantedMirror] {
    let file = try JSONFile(path, what: "mirrors file")
    return try list(file.document, file: file.name)
  }

  /// The mirrors of an answer of Tencent Cloud; what is not carried over is said.
  static func readTencent(_ path: String, _ store: MirrorStore) throws -> [WantedMirror] {
    let file = try JSONFile(path, what: "answer")
    let inventory = try asking { () throws(StoreError) in try store.inventory() } ?? Inventory()
    let (mirrors, notes) = TencentMirrors.definitions(of: file.document, file: file.name) { id in
      if !inventory.enis(id: id).isEmpty { return .eni }
      if !inventory.subnets(id: id).isEmpty { return .subnet }
      return inventory.vpcs(id: id).isEmpty ? nil : .vpc
    }
    let problems = notes.map { Problem($0) }
    guard notes.allSatisfy(\.isWarning) else { throw Problems(list: problems) }
    problems.complain()
    return mirrors.enumerated().map { index, mirror in
      WantedMirror(mirror.members, file: file.name, path: "TrafficMirrorSet[\(index)]", line: mirror.line)
    }
  }

  private static func list(_ document: JSONValue, file: String) throws -> [WantedMirror] {
    let problems = MirrorsFile(document, file: file).violations.map { Problem($0) }
    guard problems.isEmpty else { throw Problems(list: problems) }
    let elements = document["mirrors"]?.array ?? []
    guard !elements.isEmpty else {
      throw Problem(place: file, code: "mirrors.none", sentence: "holds no mirror")
    }
    return elements.enumerated().map { index, element in
      WantedMirror(
        element.members ?? [], file: file, path: "mirrors[\(index)]", line: element.position.line)
    }
  }
}

import JSONText
import Mirroring
import Store

extension WantedMirror {
  /// The mirrors of a `moontap.mirrors/1` file; `-` is standard input.
  static func read(_ path: String) throws -> [WantedMirror] {
    let name = path == "-" ? "standard input" : path
    let bytes = try TextFile.read(path == "-" ? "/dev/stdin" : path, what: "mirrors file")
    do {
      return try list(JSONValue(json: bytes, file: name), file: name)
    } catch let error as JSONError {
      throw Problem(error)
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

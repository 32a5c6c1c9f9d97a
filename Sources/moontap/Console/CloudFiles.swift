import Cloud
import Inventory
import JSONText

/// Inventories of the command line: files of ours, or answers of a cloud, told apart by what they say.
struct CloudFiles {
  /// Of a cloud's answers.
  let region: String?

  /// - Throws: `Problem` or `Problems`
  func inventory(_ paths: [String]) throws -> Inventory {
    let files = try paths.map { try JSONFile($0, what: "inventory") }
    let own = files.filter { $0.document["format"] != nil || !CloudAnswers.isAnswer($0.document) }
    guard let first = own.first else { return try inventory(ofAnswers: files) }
    guard files.count == 1 else {
      throw Problem(
        place: first.name, code: "import.mixed",
        sentence: "is an inventory file; several files together are answers of a cloud's API",
        hint: "import it by itself")
    }
    return try Inventory.made(first.document, from: first.name)
  }

  private func inventory(ofAnswers files: [JSONFile]) throws -> Inventory {
    var answers = CloudAnswers()
    for file in files { answers.add(file.document, file: file.name) }
    var cloud = CloudInventory(answers)
    let document = cloud.document(region: region)
    let problems = cloud.notes.map { Problem($0) }
    guard cloud.notes.allSatisfy(\.isWarning) else { throw Problems(list: problems) }
    problems.complain()
    return try Inventory.made(document, from: "answers of \(answers.kind?.rawValue ?? "a cloud")")
  }
}

extension Inventory {
  /// - Parameter source: what messages name; a document made here has no lines.
  /// - Throws: `Problems`
  static func made(_ document: JSONValue, from source: String) throws -> Inventory {
    do {
      return try Inventory(document, file: source)
    } catch {
      throw Problems(
        list: error.problems.map { problem in
          var problem = problem
          if problem.place == source + ":0" { problem.place = source }
          return problem
        })
    }
  }
}

extension Problem {
  init(_ note: CloudNote, exit: Ending = .badInput) {
    self.init(
      place: note.file, code: note.code, sentence: note.sentence, hint: note.hint, isWarning: note.isWarning, exit: exit
    )
  }
}

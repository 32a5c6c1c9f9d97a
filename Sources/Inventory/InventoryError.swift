public import JSONText

/// Why an inventory file was refused.
public enum InventoryError: Error, Sendable {
  /// Not JSON.
  case json(JSONError)
  /// JSON, but no inventory: every problem of the file, in the order of the file.
  case invalid([InventoryProblem])
}

extension InventoryError: CustomStringConvertible {
  /// One or two lines a problem: `file:line: code: path: sentence`, then the hint.
  public var description: String {
    switch self {
    case .json(let error): error.description
    case .invalid(let problems): problems.map(\.description).joined(separator: "\n")
    }
  }
}

/// One thing wrong in an inventory file.
public struct InventoryProblem: Sendable, Equatable {
  public enum Code: String, Sendable, CaseIterable {
    case format = "inventory.format"
    case type = "inventory.type"
    case missing = "inventory.missing"
    case unknownField = "inventory.unknown-field"
    case id = "inventory.id"
    case cidr = "inventory.cidr"
    case address = "inventory.address"
    case mac = "inventory.mac"
    case interface = "inventory.interface"
    case bandwidth = "inventory.bandwidth"
    case nextHop = "inventory.next-hop"
    case duplicateID = "inventory.duplicate-id"
    case unknownReference = "inventory.unknown-reference"
    case subnetOutsideVPC = "inventory.subnet-outside-vpc"
    case subnetOverlap = "inventory.subnet-overlap"
    case addressOutsideSubnet = "inventory.address-outside-subnet"
    case duplicateAddress = "inventory.duplicate-address"
    case duplicateMAC = "inventory.duplicate-mac"
    case publicAddress = "inventory.public-address"
  }

  public var code: Code
  public var file: String
  public var position: JSONPosition
  /// `regions[0].vpcs[0].enis[3].mac`; empty for the whole document.
  public var path: String
  /// What is wrong, with the offending value.
  public var message: String
  /// What would be right.
  public var hint: String?
}

extension InventoryProblem: CustomStringConvertible {
  public var description: String {
    let place = path.isEmpty ? "" : path + ": "
    return "\(file):\(position.line): \(code.rawValue): \(place)\(message)" + (hint.map { "\n  hint: \($0)" } ?? "")
  }
}

package import LuaRuntime

/// The runtime's numbers of the host's types, by the position of the type's name: asked in every call.
package struct PolicyTypes: Sendable {
  private var handles: [HandleTypeID?] = []
  private var records: [RecordTypeID?] = []

  init(declaringIn library: inout HostLibrary) {
    for type in APITypeName.allCases {
      handles.append(type.isRecord ? nil : library.declareHandleType(type.name))
      records.append(type.isRecord ? library.declareRecordType(type.name) : nil)
    }
  }

  /// - Precondition: the type is no record; which types are is fixed in `APITypeName`.
  package func handle(_ type: APITypeName) -> HandleTypeID { handles[type.rawValue]! }
  package func record(_ type: APITypeName) -> RecordTypeID { records[type.rawValue]! }

  package func value(_ type: APITypeName, _ index: Int) -> LuaValue { .handle(LuaHandle(handle(type), index)) }

  package func name(of id: HandleTypeID) -> String? {
    handles.firstIndex { $0 == id }.flatMap { APITypeName(rawValue: $0)?.name }
  }
}

print("moontap")

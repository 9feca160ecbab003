"""Use cases: what any interface may ask for. A typed request comes in, a typed answer goes out.

Validation, the online state, the request path, reasons, what was degraded, metrics and exposures come together
here and nowhere else. REST, the command line and Python translate to and from these types, and know nothing more.
"""

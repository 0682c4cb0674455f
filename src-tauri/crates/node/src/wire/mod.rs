//! The link protocol: what `docs/protocol.md` says, as code.

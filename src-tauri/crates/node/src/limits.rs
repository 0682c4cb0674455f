//! Every bound of a node, in one place. What a peer can see of them is repeated in `docs/protocol.md`.

/// Longest frame, in bytes without the length prefix.
pub const FRAME: usize = 1 << 20;
/// Longest hello, which is the longest frame before the hello too, in bytes.
pub const HELLO: usize = 16 << 10;
/// How long a new link may stay silent, in milliseconds.
pub const HELLO_PATIENCE: u64 = 10_000;
/// Messages in one import.
pub const IMPORT_BATCH: usize = 16_384;
/// Messages whose signatures are checked at once.
pub const VERIFY_BATCH: usize = 4_096;
/// Messages that become durable at once.
pub const APPEND_BATCH: usize = 8_192;
/// Bytes handed to a link before it must say that it took them.
pub const SEND_WINDOW: usize = 1 << 20;

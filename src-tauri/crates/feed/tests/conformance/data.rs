//! Where the test data of the project lies, and how a validator is asked.

use std::path::{Path, PathBuf};

use feed::{Head, Message, MessageId, NetworkKey, Verifier, check_next};

use super::packed::round_trip;

/// A path from the root of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(relative)
}

/// The text of a file under `tests/data`.
pub(crate) fn text(name: &str) -> String {
    let path = path("tests/data").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of generated vectors.
pub(crate) fn vectors(name: &str) -> serde_json::Value {
    serde_json::from_str(&text(&format!("generated/{name}.json"))).unwrap()
}

/// Everything that the crate checks: structure, place in the chain, signature.
pub(crate) fn judge(text: &[u8], head: Option<&Head>, network: Option<&NetworkKey>) -> Result<MessageId, String> {
    let message = Message::from_json(text).map_err(|error| error.to_string())?;
    let decoded = Message::decode(message.encoded()).map_err(|error| error.to_string())?;
    assert_eq!((decoded.id(), decoded.head()), (message.id(), message.head()), "both ways to read a message agree");
    round_trip(&message);
    check_next(head, &message).map_err(|error| error.to_string())?;
    let verified = Verifier::new(network.cloned()).verify(message).map_err(|error| error.to_string())?;
    Ok(verified.id())
}

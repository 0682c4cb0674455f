//! Writing: the next message of one's own feed.

use super::{Fault, Message, decode};
use crate::json::{Object, Text, Value};
use crate::{Head, KeyPair, NetworkKey, Verified, base64};

/// `ssb-validate` reads sequences of 32 bits only; ours never go beyond.
const MAX_WRITTEN_SEQUENCE: u64 = i32::MAX as u64;

/// Why a message cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The feed cannot grow any further.
    #[error("the feed is full: it has {MAX_WRITTEN_SEQUENCE} messages")]
    FeedFull,
    /// The message would break a rule of the format.
    #[error("the message cannot be written: {0}")]
    Fault(#[from] Fault),
}

/// Signs `content` as the message after `head`, or as the first of the feed.
///
/// `timestamp` is in milliseconds since 1970. `content` is an object with a `type`, or a string that
/// [`crate::private_box::seal`] made. The result is what every validator in use accepts.
///
/// # Errors
/// When the content breaks a rule or the message would be larger than [`super::MAX_UNITS`].
pub fn sign(
    keys: &KeyPair,
    network: Option<&NetworkKey>,
    head: Option<&Head>,
    timestamp: f64,
    content: &Value,
) -> Result<Verified, SignError> {
    let sequence = head.map_or(1, |head| head.sequence.saturating_add(1));
    if sequence > MAX_WRITTEN_SEQUENCE {
        return Err(SignError::FeedFull);
    }
    if !timestamp.is_finite() {
        return Err(Fault::Timestamp.into());
    }
    decode::check_content(content)?;
    let mut entries: Vec<(Text, Value)> = vec![
        ("previous".into(), head.map_or(Value::Null, |head| head.id.to_string().into())),
        ("sequence".into(), Value::Number(sequence as f64)),
        ("author".into(), keys.feed_id().to_string().into()),
        ("timestamp".into(), Value::Number(timestamp)),
        ("hash".into(), "sha256".into()),
        ("content".into(), content.clone()),
    ];
    let unsigned = Value::Object(Object::from_iter(entries.iter().cloned())).to_canonical();
    let signature = match network {
        None => keys.sign(unsigned.as_bytes()),
        Some(network) => keys.sign(&network.authenticate(unsigned.as_bytes())),
    };
    entries.push(("signature".into(), format!("{}.sig.ed25519", base64::encode(&signature)).into()));
    let signed = Value::Object(entries.into_iter().collect()).to_compact();
    let message = Message::decode(signed.as_bytes()).map_err(|error| error.fault)?;
    Ok(Verified::signed_here(message))
}

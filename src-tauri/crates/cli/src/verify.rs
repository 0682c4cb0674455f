//! `peri verify`: says of each line whether its message is valid after the state it names.
//!
//! The lines are those of the public `ssb-validation-dataset`: `hmacKey` and `state` may be nonsense as well, and then the
//! message cannot be valid under them.

use std::io::{self, BufRead, Write};

use feed::{Head, Message, MessageId, NetworkKey, Verifier, check_next, json::Value};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lines::{self, Line};

/// Raw parts, because JSON's numbers and strings are read the way V8 reads them (a lone surrogate is a string to it).
#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow, rename = "hmacKey")]
    network: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// What is said of a case.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Verdict {
    valid: bool,
    id: Option<MessageId>,
    error: Option<String>,
}

/// Reads cases and writes verdicts until the end of the input.
///
/// # Errors
/// When either side cannot be read or written.
pub(crate) fn run(mut input: impl BufRead, output: impl Write) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    let mut verifiers = Verifiers::default();
    let mut text = Vec::new();
    while let Some(line) = lines::next(&mut input, &mut text)? {
        let result = match line {
            Line::Whole(line) => verifiers.judge(text.get(line).unwrap_or_default()),
            Line::TooLong => Err(format!("the line is longer than {} bytes", lines::MAX_LINE)),
        };
        let verdict = match result {
            Ok(id) => Verdict { valid: true, id: Some(id), error: None },
            Err(error) => Verdict { valid: false, id: None, error: Some(error) },
        };
        serde_json::to_writer(&mut output, &verdict)?;
        output.write_all(b"\n")?;
        output.flush()?;
        text.clear();
    }
    Ok(())
}

/// The verifier of the network that was asked for last: cases of one network mostly stand together.
#[derive(Default)]
struct Verifiers {
    last: Option<(Option<NetworkKey>, Verifier)>,
}

impl Verifiers {
    fn judge(&mut self, line: &[u8]) -> Result<MessageId, String> {
        let case: Case<'_> =
            serde_json::from_slice(line).map_err(|error| format!("the line is not a case: {error}"))?;
        let network = network(case.network)?;
        let head = state(case.state)?;
        let message = Message::from_json(case.message.get().as_bytes()).map_err(|error| error.to_string())?;
        check_next(head.as_ref(), &message).map_err(|error| error.to_string())?;
        let id = message.id();
        let verifier = match &mut self.last {
            Some((known, verifier)) if *known == network => verifier,
            last => &mut last.insert((network.clone(), Verifier::new(network))).1,
        };
        verifier.verify(message).map_err(|error| error.to_string())?;
        Ok(id)
    }
}

fn network(raw: Option<&RawValue>) -> Result<Option<NetworkKey>, String> {
    match value(raw, "hmacKey")? {
        None | Some(Value::Null) => Ok(None),
        Some(key) => {
            let text = key.as_str().ok_or("the network key must be a string")?;
            text.parse().map(Some).map_err(|error: feed::KeyError| format!("the network key cannot be used: {error}"))
        }
    }
}

fn state(raw: Option<&RawValue>) -> Result<Option<Head>, String> {
    match value(raw, "state")? {
        None | Some(Value::Null) => Ok(None),
        Some(state) => {
            let id = state.get("id").and_then(Value::as_str).ok_or("the state has no id")?;
            let id = id.parse().map_err(|error: feed::IdError| format!("the state's id cannot be read: {error}"))?;
            let sequence = state.get("sequence").and_then(Value::as_f64).ok_or("the state has no sequence")?;
            if !(1.0..=feed::MAX_SEQUENCE as f64).contains(&sequence) || sequence.fract() != 0.0 {
                return Err("the state's sequence is not a whole number from 1".to_owned());
            }
            Ok(Some(Head { id, sequence: sequence as u64 }))
        }
    }
}

fn value<'a>(raw: Option<&'a RawValue>, name: &str) -> Result<Option<Value<'a>>, String> {
    raw.map(|raw| Value::parse(raw.get().as_bytes()).map_err(|error| format!("{name} cannot be read: {error}")))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(input: &str) -> Vec<serde_json::Value> {
        let mut output = Vec::new();
        run(input.as_bytes(), &mut output).expect("reads and writes");
        let text = String::from_utf8(output).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The public dataset. Not ours to copy: npm brings it, with the validators that the feed's tests compare with, or the folder
    /// that `PERIWINKLE_VECTORS` names holds it.
    fn dataset() -> Option<String> {
        let from_npm = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/feed/reference/node_modules");
        let folders = [std::env::var("PERIWINKLE_VECTORS").ok(), Some(from_npm.to_owned())];
        let mut folders = folders.into_iter().flatten();
        folders.find_map(|folder| std::fs::read_to_string(format!("{folder}/ssb-validation-dataset/data.json")).ok())
    }

    #[test]
    fn every_case_of_the_public_dataset_agrees() {
        let Some(text) = dataset() else {
            println!("skipped: no data");
            return;
        };
        let cases: Vec<&RawValue> = serde_json::from_str(&text).expect("the dataset");
        assert_eq!(cases.len(), 126);
        #[derive(Deserialize)]
        struct Expected {
            valid: bool,
            id: String,
            error: Option<String>,
        }
        let lines: Vec<String> = cases.iter().map(|case| case.get().replace('\n', " ")).collect();
        for ((case, line), verdict) in cases.iter().zip(&lines).zip(verdicts(&lines.join("\n"))) {
            let expected: Expected = serde_json::from_str(case.get()).expect("a case");
            assert_eq!(verdict["valid"], expected.valid, "{:?}: {verdict} for {line}", expected.error);
            match expected.valid {
                true => assert_eq!(verdict["id"], expected.id.as_str()),
                false => assert!(verdict["id"].is_null() && verdict["error"].is_string(), "{verdict}"),
            }
        }
    }

    #[test]
    fn a_line_that_is_no_case_is_said_to_be_none_and_the_next_is_judged() {
        let all = verdicts("nonsense\n{}\n[1]\n{\"message\":5}\n");
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|verdict| verdict["valid"] == false && verdict["error"].is_string()));
    }
}

//! The integer form of notes, against the reference's.

use proptest::prelude::*;
use serde_json::Value;

use crate::ebt::{MAX_SEQUENCE, Note, NoteError};

const VECTORS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/data/generated/ebt-notes.json"));

fn cases(list: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors[list].as_array().unwrap().clone()
}

#[test]
fn notes_are_written_as_the_reference_writes_them() {
    for case in cases("encode") {
        let note = match u64::try_from(case["seq"].as_i64().unwrap()) {
            Ok(sequence) => Note::Have { sequence, receive: case["rx"].as_bool().unwrap() },
            Err(_) => Note::Ignore,
        };
        assert_eq!(note.to_wire(), case["note"].as_i64().unwrap(), "{case}");
    }
}

#[test]
fn notes_are_read_as_the_reference_reads_them() {
    for case in cases("decode") {
        let note = Note::from_wire(case["note"].as_i64().unwrap()).unwrap();
        assert_eq!(note != Note::Ignore, case["replicate"].as_bool().unwrap(), "{case}");
        assert_eq!(note.asks(), case["receive"].as_bool().unwrap(), "{case}");
        assert_eq!(note.sequence().map_or(-1, |sequence| sequence as i64), case["seq"].as_i64().unwrap(), "{case}");
    }
}

#[test]
fn numbers_that_are_no_notes_are_refused() {
    for wire in [-2, i64::MIN, i64::MAX, ((MAX_SEQUENCE + 1) << 1) as i64] {
        assert_eq!(Note::from_wire(wire), Err(NoteError(wire)));
    }
    assert_eq!(Note::lazy(u64::MAX).to_wire(), Note::lazy(MAX_SEQUENCE).to_wire());
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(sequence in 0..=MAX_SEQUENCE, receive in any::<bool>()) {
        let note = Note::Have { sequence, receive };
        prop_assert_eq!(Note::from_wire(note.to_wire()), Ok(note));
    }

    #[test]
    fn what_is_read_is_written_back(wire in any::<i64>()) {
        if let Ok(note) = Note::from_wire(wire) {
            prop_assert_eq!(note.to_wire(), wire);
        }
    }
}

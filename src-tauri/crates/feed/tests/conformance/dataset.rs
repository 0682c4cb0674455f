//! The public `ssb-validation-dataset`, 126 cases. Its licence keeps it out of this repository: it comes from npm, or
//! from the folder that `PERIWINKLE_VECTORS` names.

use feed::{Head, NetworkKey};
use serde_json::Value;
use serde_json::value::RawValue;

use super::data::judge;
use super::javascript;

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case<'a> {
    state: Option<State>,
    #[serde(default)]
    hmac_key: Value,
    #[serde(borrow)]
    message: &'a RawValue,
    error: Option<String>,
    valid: bool,
    id: Option<String>,
}

#[derive(serde::Deserialize)]
struct State {
    id: Option<String>,
    sequence: u64,
}

fn find() -> Option<String> {
    let given = std::env::var("PERIWINKLE_VECTORS").ok();
    let given =
        given.and_then(|folder| std::fs::read_to_string(format!("{folder}/ssb-validation-dataset/data.json")).ok());
    given.or_else(|| {
        let folder = javascript::install().ok()?;
        std::fs::read_to_string(folder.join("node_modules/ssb-validation-dataset/data.json")).ok()
    })
}

fn judge_case(case: &Case) -> Result<String, String> {
    let network = match &case.hmac_key {
        Value::Null => None,
        Value::String(text) => Some(text.parse::<NetworkKey>().map_err(|error| error.to_string())?),
        _ => return Err("the network key is not a string".into()),
    };
    let head = match &case.state {
        None => None,
        Some(State { id, sequence }) => {
            let id = id.as_deref().ok_or("the state has no id")?.parse().map_err(|_| "the state's id is none")?;
            Some(Head { id, sequence: *sequence })
        }
    };
    judge(case.message.get().as_bytes(), head.as_ref(), network.as_ref()).map(|id| id.to_string())
}

#[test]
fn every_case_of_the_public_dataset_agrees() {
    let Some(text) = find() else {
        println!("skipped: no data");
        return;
    };
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 126);
    for (number, case) in cases.iter().enumerate() {
        let judged = judge_case(case);
        assert_eq!(judged.is_ok(), case.valid, "case {number}: {judged:?}, expected {:?}", case.error);
        if case.valid {
            assert_eq!(judged.ok(), case.id, "case {number}");
        }
    }
}

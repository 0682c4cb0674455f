//! Searching, following links and reading the log from the command line.

use crate::peri::Person;

#[test]
fn what_was_just_written_is_found_with_and_without_a_running_node() {
    let ada = Person::new("Ada");
    let first = ada.ok(&["post", "The Café by the sea", "--channel", "tea"]);
    let second = ada.ok(&["post", "salt [water](https://example.org) taffy"]);

    let found = ada.json(&["search", "cafe", "--json"]);
    assert_eq!((&found["hits"][0]["id"], &found["behind"]), (&first.clone().into(), &0.into()), "{found}");
    assert_eq!(found["hits"][0]["author"]["name"], "Ada");
    assert_eq!(found["hits"][0]["snippet"][1], serde_json::json!({"text": "Café", "matched": true}));
    assert_eq!(ada.json(&["search", "\"water taffy\"", "--json"])["hits"].as_array().map(Vec::len), Some(0));
    assert_eq!(ada.json(&["search", "wat*", "taffy", "--json"])["hits"][0]["id"], second);
    assert_eq!(ada.json(&["search", "--in", "tea", "--json"])["hits"][0]["id"], first);
    assert_eq!(
        ada.json(&["search", "--from", &ada.id, "--limit", "1", "--json"])["hits"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(ada.json(&["search", "sea", "--before", "2020", "--json"])["hits"].as_array().map(Vec::len), Some(0));
    assert!(ada.ok(&["search", "taffy", "--best"]).contains("salt water taffy"), "links are read as their words");
    assert!(ada.ok(&["search", "zebra"]).contains("Nothing found"));
    assert_eq!(ada.json(&["search", "ada", "--json"])["people"][0]["id"], ada.id.as_str());
    assert_eq!(ada.json(&["search", &first, "--json"])["target"], serde_json::json!({"kind": "thread", "id": first}));

    let serving = ada.serve(&[]);
    let third = ada.ok(&["post", "a lantern at the pier"]);
    assert_eq!(ada.json(&["search", "lantern", "--json"])["hits"][0]["id"], third, "a moment after it was written");
    drop(serving);

    for odd in ["\"", "AND", "(", "*", "%", "NEAR("] {
        ada.ok(&["search", odd]);
    }
    assert!(ada.refused(&["search", "x", "--after", "yesterday"]).contains("is not a day"));
}

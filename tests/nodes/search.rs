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
    let refused = ada.run(&["doctor", "--json"]);
    assert_eq!(refused.status.code(), Some(3), "in use");
    let told: serde_json::Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!((&told["inUse"], &told["status"]["id"]), (&true.into(), &ada.id.clone().into()), "{told}");
    drop(serving);

    for odd in ["\"", "AND", "(", "*", "%", "NEAR("] {
        ada.ok(&["search", odd]);
    }
    assert!(ada.refused(&["search", "x", "--after", "yesterday"]).contains("is not a day"));
}

#[test]
fn a_search_goes_on_leaves_out_and_says_why_nothing_is_found() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    for n in 0..3 {
        ada.ok(&["post", &format!("tide {n}"), "--channel", "sea"]);
    }
    let ferry = ada.ok(&["post", "tide and ferry"]);
    let follow = ada.ok(&["follow", &bo.id]);
    assert_eq!(ada.json(&["search", "tide", "-ferry", "--json"])["hits"].as_array().map(Vec::len), Some(3));
    let first = ada.json(&["search", "tide", "--limit", "1", "--json"]);
    assert_eq!(first["hits"][0]["id"], ferry);
    let cursor = first["next"].as_str().expect("more");
    assert_eq!(ada.json(&["search", "tide", "--page", cursor, "--json"])["hits"].as_array().map(Vec::len), Some(3));
    assert!(ada.ok(&["search", "tide", "--limit", "1"]).contains("--page"));

    assert_eq!(ada.json(&["search", "ada", "--in", "sea", "--json"])["people"], serde_json::json!([]));
    assert_eq!(ada.json(&["search", "from:ada", "tide", "--json"])["hits"].as_array().map(Vec::len), Some(4));
    assert!(ada.ok(&["search", "from:nobody"]).contains("Nobody here is called “nobody”"));
    assert!(ada.ok(&["search", "before:yesterday"]).contains("“yesterday” is no day"));
    for nothing in [&["search"][..], &["search", "-tide"]] {
        assert!(ada.ok(nothing).contains("Say what to look for"), "{nothing:?}");
    }
    let said = ada.ok(&["search", &follow]);
    assert!(said.contains("is stored here") && said.contains("contact") && said.contains("peri links"), "{said}");
    assert!(ada.refused(&["thread", &follow]).contains("is stored here, but it is no post"));
    assert!(ada.refused(&["links", &ada.id, "--from"]).contains("only messages link"));
}

#[test]
fn links_and_the_log_are_looked_through_page_by_page() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    let root = ada.ok(&["post", "a boat"]);
    let replies: Vec<String> = (0..3).map(|n| ada.ok(&["post", &format!("row {n}"), "--reply-to", &root])).collect();
    let follow = ada.ok(&["follow", &bo.id]);

    let links = ada.json(&["links", &root, "--json"]);
    let from: Vec<_> = links["links"].as_array().expect("links").iter().map(|link| link["from"].clone()).collect();
    assert_eq!(from, [replies[2].as_str(), &replies[1], &replies[0]], "{links}");
    assert_eq!(links["links"][2]["relations"], serde_json::json!(["branch", "root"]));
    let first = ada.json(&["links", &root, "--rel", "root", "--limit", "2", "--json"]);
    let next = first["next"].as_str().expect("more");
    let second = ada.json(&["links", &root, "--rel", "root", "--limit", "2", "--before", next, "--json"]);
    assert_eq!((&second["links"][0]["from"], &second["next"]), (&replies[0].clone().into(), &serde_json::Value::Null));
    assert_eq!(ada.json(&["links", &bo.id, "--json"])["links"][0]["from"], follow);
    let of = ada.json(&["links", &replies[0], "--from", "--json"]);
    assert_eq!((&of["links"][0]["to"], of["links"].as_array().map(Vec::len)), (&root.clone().into(), Some(1)));
    assert!(ada.ok(&["links", &root, "--rel", "nothing"]).contains("No links"));
    assert!(ada.refused(&["links", "boat"]).contains("is not an id"));

    let log = ada.json(&["log", "--type", "post", "--limit", "3", "--json"]);
    assert_eq!(log["messages"][0]["key"], replies[2]);
    assert_eq!(log["messages"][0]["value"]["content"]["text"], "row 2");
    let next = log["next"].as_str().expect("more");
    let rest = ada.json(&["log", "--type", "post", "--before", next, "--json"]);
    assert_eq!((&rest["messages"][0]["key"], &rest["next"]), (&root.into(), &serde_json::Value::Null));
    assert_eq!(ada.json(&["log", "--type", "contact", "--json"])["messages"][0]["key"], follow);
    assert_eq!(ada.json(&["log", "--feed", &ada.id, "--json"])["messages"].as_array().map(Vec::len), Some(6));
    assert_eq!(ada.json(&["log", "--feed", &bo.id, "--json"])["messages"].as_array().map(Vec::len), Some(0));
    assert!(ada.ok(&["log"]).contains("contact"));
}

//! Somebody with a folder, what they were told is published, and what has to be true of both.

use std::fs;
use std::path::{Path, PathBuf};

use crate::peri::Person;

pub(crate) const DATABASE: &str = "periwinkle.sqlite";

/// Somebody who has published this often; the ids that they were given.
pub(crate) fn writer(posts: usize) -> (Person, Vec<String>) {
    let person = Person::new("Ada");
    let ids = (0..posts).map(|n| person.ok(&["post", &format!("post {n}")])).collect();
    (person, ids)
}

/// Everything that was acknowledged is there, the folder is whole, and it can be written to.
pub(crate) fn holds(person: &Person, acknowledged: &[String]) {
    let export = person.ok(&["export", "-"]);
    for id in acknowledged {
        assert!(export.contains(id.as_str()), "{id} is lost");
    }
    let report = person.json(&["doctor", "--json"]);
    assert_eq!(report["findings"], serde_json::json!([]));
    person.ok(&["post", "and on"]);
}

/// The refusal says all of this.
pub(crate) fn says(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "{part:?} is not in: {words}");
    }
}

/// The sample of messages that is part of the repository.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample-2000.ndjson")
}

/// Copies the files of a folder; the private ones stay so.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("create");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        if entry.file_type().expect("a type").is_file() {
            let copy = to.join(entry.file_name());
            fs::copy(entry.path(), &copy).expect("copy");
            #[cfg(unix)]
            fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
        }
    }
}

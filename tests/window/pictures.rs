//! Pictures in the real window: only small copies, only by the scheme that the content policy names.

use feed::{KeyPair, Message, json::Value, sign};
use serde_json::Value as Json;

use crate::person::{Desk, lan};
use crate::smooth::peri;

/// One red pixel (PNG, made with `zlib` level 9).
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49,
    0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0xf7, 0x03, 0x41, 0x43,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

const SVG: &[u8] =
    br#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"#;

/// The messages of somebody with a picture, a line each, and their id.
fn somebody(image: &str) -> (String, String) {
    let keys = KeyPair::from_seed(&[41; 32]);
    let id = keys.feed_id().to_string();
    let contents = [
        format!(r#"{{"type":"about","about":"{id}","name":"Ida","image":"{image}"}}"#),
        r#"{"type":"post","text":"A new picture of me"}"#.to_owned(),
    ];
    let mut head = None;
    let mut lines = String::new();
    for (at, content) in contents.iter().enumerate() {
        let content = Value::parse(content.as_bytes()).expect("JSON");
        let message = sign(&keys, None, head.as_ref(), 1_700_000_000_000.0 + at as f64, &content).expect("a content");
        head = Some(message.head());
        let message: &Message = &message;
        lines.push_str(&format!("{}\n", String::from_utf8_lossy(message.encoded())));
    }
    (id, lines)
}

#[test]
fn a_persons_picture_is_shown_when_it_is_here_and_nothing_but_small_pictures_is_served() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Jon", &lan.hosts()[0]);
    let jon = desk.open();
    jon.begin();
    let run = |arguments: &[&str]| {
        let output =
            desk.command(peri().to_str().expect("a plain path")).args(arguments).output().expect("peri starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let add = |name: &str, bytes: &[u8]| {
        let path = desk.file(name, "");
        std::fs::write(&path, bytes).expect("the home can be written");
        run(&["blob", "add", path.to_str().expect("a plain path")])
    };
    let (picture, drawing) = (add("pixel.png", PIXEL), add("drawing.svg", SVG));
    let (id, lines) = somebody(&picture);
    run(&["import", desk.file("ida.ndjson", &lines).to_str().expect("a plain path")]);

    // Where she is shown, her picture is.
    jon.window.run("location.hash = '#/posts/all'", vec![]);
    jon.reads("A new picture of me");
    let shown = "const face = document.querySelector('[data-testid=card] .face img'); return face?.complete && face.naturalWidth === 1";
    jon.window.wait_for("her picture", shown);
    jon.window.shoot("picture");

    // What the page tries to get by that way, and what comes.
    let get = |address: &str| {
        jon.window.run_async(
            "const [address, done] = arguments;
             const image = new Image();
             image.onload = () => done(image.naturalWidth);
             image.onerror = () => done('refused');
             image.src = address;",
            vec![Json::String(address.to_owned())],
        )
    };
    let hash = |id: &str| id[1..id.len() - ".sha256".len()].replace('+', "-").replace('/', "_");
    let at = |size: &str, id: &str| format!("periwinkle-blob://localhost/{size}/{}", hash(id));
    assert_eq!(get(&at("card-640", &picture)), 1);
    for refused in [
        at("avatar-96", &drawing),
        at("original", &picture),
        at("avatar-96", &format!("&{}=.sha256", "A".repeat(43))),
        format!("periwinkle-blob://localhost/avatar-96/..%2f..%2fsecret?{id}"),
        "periwinkle-blob://localhost/secret".to_owned(),
    ] {
        assert_eq!(get(&refused), "refused", "{refused}");
    }
    // As a picture only: its bytes cannot be read by a script.
    let fetched = jon.window.run_async(
        "const [address, done] = arguments;
         fetch(address).then(() => done('read'), () => done('refused'));",
        vec![Json::String(at("card-640", &picture))],
    );
    assert_eq!(fetched, "refused");
}

/// Alice's picture is there in Bob's window by itself: first its description, then, once the file has come over the network, it.
#[test]
fn a_picture_in_a_post_comes_to_the_other_window_with_it() {
    let Some(lan) = lan::<2>() else { return };
    let [alices, bobs] = lan.hosts() else { unreachable!("two were asked for") };
    let (alices_desk, bobs_desk) = (Desk::new("Alice", alices), Desk::new("Bob", bobs));
    let (alice, bob) = (alices_desk.open(), bobs_desk.open());
    alice.begin();
    bob.begin();
    bob.go_to("nearby");
    bob.follow("Alice");
    alice.post("A picture follows.");
    bob.go_to("timeline");
    bob.reads("A picture follows.");

    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/screenshot.png");
    let output = alices_desk.command(peri().to_str().expect("a plain path")).args(["blob", "add", photo]).output();
    let output = output.expect("peri starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    alice.post(&format!("The shell bank at low tide:\n\n![boats on the sand]({id})"));

    bob.reads("The shell bank at low tide");
    let shown = "const picture = document.querySelector('[data-testid=card] img[alt=\"boats on the sand\"]');
                 return picture?.complete && picture.naturalWidth === 640";
    for person in [&alice, &bob] {
        person.window.wait_for("the picture", shown);
        person.window.shoot("picture-in-post");
    }
}

//! Prepares the shell: the page it embeds, what the page may call, and how the program is linked.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Shown by a build that was made without the page.
const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Periwinkle</title>\
    <body style=\"font: 16px system-ui; max-width: 36em; margin: 4em auto\"><h1>The page was not built</h1>\
    <p>This program was compiled before its page. Start it with <code>cargo xtask run</code>, which builds both, \
    or run <code>npm ci &amp;&amp; npm run build</code> in <code>ui/</code> and compile again.</p>";

fn main() {
    for input in ["ui/dist", "icons", "src-tauri/capabilities", "src-tauri/permissions"] {
        println!("cargo:rerun-if-changed={input}");
    }
    // WebKit in the same process must use the system's SQLite, not the one that we bundle.
    println!("cargo:rustc-link-arg-bins=-Wl,--exclude-libs,ALL");

    if !Path::new("ui/dist/index.html").is_file() && env::var_os("TAURI_CONFIG").is_none() {
        stand_in_for_the_page();
    }
    let commands = tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(commands);
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("{error:#}");
    }
}

/// Lets a checkout without `ui/dist` compile, for checks and the headless parts, with a page that says what to do. It lies in
/// cargo's own folder, so that nobody can take it for the real one, and a release refuses it.
fn stand_in_for_the_page() {
    assert!(
        env::var("PROFILE").is_ok_and(|profile| profile != "release"),
        "ui/dist/index.html is missing: run `npm ci && npm run build` in ui/ first, or `cargo xtask run`"
    );
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("page");
    fs::create_dir_all(&folder).expect("cargo's folder can be written");
    fs::write(folder.join("index.html"), NO_PAGE).expect("cargo's folder can be written");
    println!("cargo:warning=ui/dist is missing: the window will only say so. `cargo xtask run` builds it.");
    println!("cargo:rustc-env=TAURI_CONFIG={{\"build\":{{\"frontendDist\":{:?}}}}}", folder.to_string_lossy());
}

//! What the page may not do, and that a folder has one window.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::browser::until;
use crate::person::{Desk, lan};
use crate::process::Group;

#[test]
fn the_page_runs_no_foreign_script_reaches_no_network_and_calls_only_our_commands() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Mallory", &lan.hosts()[0]);
    let mallory = desk.open();
    let tried = |script: &str| mallory.window.run_async(script, Vec::new());

    let inline = tried(
        "const done = arguments[0];
         document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), { once: true });
         const script = document.createElement('script');
         script.textContent = 'window.__ran = true';
         document.body.append(script);
         if (window.__ran) done('it ran');",
    );
    assert!(inline.as_str().is_some_and(|directive| directive.starts_with("script-src")), "{inline}");

    let handler = tried(
        "const done = arguments[0];
         document.body.insertAdjacentHTML('beforeend', '<img src=\"missing.png\" onerror=\"window.__ran = true\">');
         document.body.lastElementChild.addEventListener('error', () => setTimeout(() => done(window.__ran === true)));",
    );
    assert_eq!(handler, Value::Bool(false), "an attribute ran as a script");

    // Somebody listens on this very host, so that whatever left would be seen to arrive.
    let host = &lan.hosts()[0];
    let listener = host.inside(|| TcpListener::bind("10.77.0.1:0")).expect("a port");
    let there = listener.local_addr().expect("its address");
    for way in [
        "fetch(`http://${there}/`).catch(stopped)",
        "fetch(`http://${there}/`, { mode: 'no-cors' }).catch(stopped)",
        "navigator.sendBeacon(`http://${there}/`, 'x'), setTimeout(stopped, 200)",
        "new WebSocket(`ws://${there}/`).onerror = stopped",
        "new EventSource(`http://${there}/`).onerror = stopped",
        "add('img', { src: `http://${there}/a.png` })",
        "add('script', { src: `http://${there}/a.js` })",
        "add('link', { rel: 'stylesheet', href: `http://${there}/a.css` })",
        "add('iframe', { src: `http://${there}/` }), setTimeout(stopped, 200)",
        "add('object', { data: `http://${there}/` }), setTimeout(stopped, 200)",
        "add('video', { src: `http://${there}/a.webm` })",
        "add('form', { action: `http://${there}/`, method: 'post' }).submit(), setTimeout(stopped, 200)",
        "location.href = `http://${there}/`, setTimeout(stopped, 200)",
        "window.open(`http://${there}/`), setTimeout(stopped, 200)",
        "document.body.style.backgroundImage = `url(http://${there}/b.png)`, setTimeout(stopped, 200)",
    ] {
        let script = format!(
            "const [there, done] = arguments;
             const stopped = () => done(true);
             document.addEventListener('securitypolicyviolation', stopped, {{ once: true }});
             const add = (name, attributes) => {{
                 const element = Object.assign(document.createElement(name), attributes);
                 element.onerror = stopped;
                 document.body.append(element);
                 return element;
             }};
             try {{ {way} }} catch {{ stopped() }}"
        );
        mallory.window.run_async(&script, vec![Value::String(there.to_string())]);
    }
    listener.set_nonblocking(true).expect("a listener can be asked without waiting");
    assert!(listener.accept().is_err(), "a request left the page");
    let knock = host.inside(|| TcpStream::connect(there));
    assert!(knock.is_ok() && listener.accept().is_ok(), "a request would have been seen");

    for command in
        ["plugin:event|emit", "plugin:window|close", "plugin:webview|create_webview", "plugin:app|version", "shell"]
    {
        let answer = mallory.window.run_async(
            "const [command, done] = arguments;
             window.__TAURI_INTERNALS__.invoke(command, { event: 'open', payload: null })
                 .then(() => done('allowed'), (error) => done(String(error)));",
            vec![Value::String(command.into())],
        );
        assert!(answer.as_str().is_some_and(|answer| answer.contains("not ")), "{command}: {answer}");
    }

    mallory.window.shoot("stays");
    let here = mallory.window.run("return location.origin", Vec::new());
    assert_eq!(here, Value::String("tauri://localhost".into()));
}

#[test]
fn a_second_start_on_a_folder_raises_the_window_that_is_there() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Carol", &lan.hosts()[0]);
    let carol = desk.open();
    carol.begin();
    let mut second = Group::start(desk.program().stderr(Stdio::piped()));
    let status = until(Duration::from_secs(10), || second.child().try_wait().expect("it can be waited for"));
    let mut said = String::new();
    let mut errors = second.child().stderr.take().expect("its messages are ours");
    assert!(status.is_some_and(|status| status.success()), "the second start ends by itself");
    errors.read_to_string(&mut said).expect("text");
    assert!(said.contains("already runs"), "{said}");
    carol.window.wait_for("the timeline", "return document.querySelector('[data-testid=composer-text]') !== null");
}

#[test]
fn what_was_written_is_there_when_the_window_opens_again() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Dora", &lan.hosts()[0]);
    let dora = desk.open();
    dora.begin();
    dora.post("Day one.");
    drop(dora);
    let dora = desk.open();
    dora.reads("Day one.");
}
